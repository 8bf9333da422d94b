import { MillraceError } from "../core/errors.js";
import { abortable, linkSignals } from "../core/signal.js";
import type { Carrier, CarrierCall, CarrierResponse } from "./types.js";

/**
 * A call whose carrier is found out first.
 *
 * @param choose Its `signal` is aborted when the call ends before there is one.
 */
export function callLater(choose: (signal: AbortSignal) => Promise<Carrier>, call: CarrierCall): CarrierResponse {
  const scope = linkSignals(call.signal);
  let left = false;
  const begun = abortable(choose(scope.signal), scope.signal).finally(scope.release).then((carrier) => carrier.call(call));
  const part = <T>(of: (response: CarrierResponse) => Promise<T>): Promise<T> => {
    const promise = begun.then(of);
    promise.catch(() => {});
    return promise;
  };
  return {
    headers: part(({ headers }) => headers),
    trailers: part(({ trailers }) => trailers),
    chunks: {
      next: () => begun.then(({ chunks }) => chunks.next(), (error: unknown) => {
        if (!left) throw error;
        return { done: true, value: undefined };
      }),
      async return() {
        left = true;
        scope.abort(new MillraceError("unavailable", "The call was left"));
        begun.then(({ chunks }) => chunks.return?.()).catch(() => {});
        return { done: true, value: undefined };
      },
    },
  };
}
