import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { abortable, linkSignals } from "../core/signal.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions } from "./call-options.js";
import type { Connection } from "./connection.js";
import type { OpenStream } from "./stream.js";

export type { Connection } from "./connection.js";
export type { OpenStream } from "./stream.js";

const DONE = { done: true, value: undefined } as const;

/**
 * As `invokeUnary()` of `unary.ts`, whose code is loaded with the first call of a page. Loading it is not part of the
 * call's time.
 *
 * @throws {MillraceError} `unavailable` also when that code cannot be loaded; nothing was sent.
 */
export async function invokeUnary(connection: Connection, method: Method, request: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<Uint8Array> {
  checkCallOptions(options, connection.system);
  const scope = linkSignals(options.signal, connection.closed);
  const calls = await abortable(loadCalls(connection), scope.signal).finally(scope.release);
  return calls.invokeUnary(connection, method, request, options);
}

/**
 * As `openStream()` of `stream.ts`, whose code is loaded with the first call of a page.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options, nothing was sent. All else rejects what is returned,
 *   `unavailable` also when that code cannot be loaded.
 */
export function openStream(connection: Connection, method: Method, request: Uint8Array, options: CallOptions = {}): OpenStream {
  checkCallOptions(options, connection.system);
  const scope = linkSignals(options.signal, connection.closed);
  let left = false;
  const begun = abortable(loadCalls(connection), scope.signal).finally(scope.release).then((calls) => calls.openStream(connection, method, request, options));
  const headers = begun.then((stream) => stream.headers);
  headers.catch(() => {});
  return {
    headers,
    next: () => begun.then((stream) => stream.next(), (error: unknown) => {
      if (left) return DONE;
      throw error;
    }),
    async return() {
      left = true;
      scope.abort(new MillraceError("unavailable", "The call was left", { system: connection.system }));
      begun.then((stream) => stream.return(), () => {});
      return DONE;
    },
  };
}

/** Apart, so that what a page starts with is the smaller for it: it is fetched while the page shows itself. */
function loadCalls({ system }: Connection): Promise<typeof import("./calls.js")> {
  return import("./calls.js").catch((cause: unknown) => {
    throw new MillraceError("unavailable", "The code of calls could not be loaded", { system, cause });
  });
}
