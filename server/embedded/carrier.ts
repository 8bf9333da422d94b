import { fetchCarrier, type Carrier, type CarrierCall, type CarrierResponse } from "millrace/carrier";
import { openCall } from "millrace/internal/carrier/open-call";
import { MillraceError } from "millrace/internal/core/errors";
import { Ending } from "millrace/internal/core/signal";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import type { EmbeddedFetch } from "./fetch.js";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** Calls without a network: as they would come through a gateway, and those that send in both directions at once as well. */
export function embeddedCarrier(service: EmbeddedService, fetch: EmbeddedFetch): Carrier {
  const fetched = fetchCarrier({ url: "http://embedded", fetch });
  const closed = new Ending();
  return {
    call: (call) => (call.kind === "bidi" && call.duplex !== "half" ? duplexCall(service, call, closed) : fetched.call(call)),
    async close() {
      closed.end(new MillraceError("unavailable", "The carrier is closed"));
      await fetched.close();
    },
  };
}

function duplexCall(service: EmbeddedService, call: CarrierCall, closed: Ending): CarrierResponse {
  const left = new AbortController();
  let isPulling = false;
  const open = openCall(call, closed, {
    sent: true,
    pull: () => void pull(),
    free() {
      left.abort();
      void served.return({ status: 1, message: "", headers: new Headers() });
    },
  });
  const served = serve(service, {
    path: call.path,
    headers: call.headers,
    signal: left.signal,
    begin: () => open.headers(new Headers()),
    requests: messagesOf(call),
  }, "rich");
  /** `serve` does not throw, but what the caller sends may. */
  const pull = async (): Promise<void> => {
    if (isPulling || open.over) return;
    isPulling = true;
    const result = await served.next();
    isPulling = false;
    open.headers(new Headers());
    if (result.done === true) open.finish(result.value);
    else open.deliver([encodeEnvelope(result.value)]);
  };
  void pull();
  return open.response;
}

async function* messagesOf({ messages }: CarrierCall): AsyncGenerator<Uint8Array> {
  yield* messages;
}
