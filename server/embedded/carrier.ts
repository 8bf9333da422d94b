import { MillraceError } from "millrace/internal/core/errors";
import { linkSignals, onAbort, startTimer } from "millrace/internal/core/signal";
import { ResponseFeed } from "millrace/internal/carrier/response";
import type { Carrier, CarrierCall, CarrierResponse } from "millrace/internal/carrier/types";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** A carrier that calls an embedded server in the same process: no socket, no framing but the envelopes. */
export function embeddedCarrier(service: EmbeddedService): Carrier {
  const closing = new AbortController();
  return {
    call: (call) => answer(service, call, closing.signal),
    async close() {
      closing.abort(new MillraceError("unavailable", "The carrier is closed"));
    },
  };
}

function answer(service: EmbeddedService, call: CarrierCall, closing: AbortSignal): CarrierResponse {
  const own = linkSignals(call.signal, closing);
  const served = serve(service, call.path, iterate(call.messages), { headers: call.headers, signal: own.signal }, "status");
  const feed = new ResponseFeed({
    pull: () => { void pull(); },
    leave: () => own.abort(new MillraceError("unavailable", "The call was left")),
  });
  const stopTimer = startTimer(call.timeoutMs, () => {
    own.abort(new MillraceError("timeout", `The call did not end within ${call.timeoutMs} ms`, { applied: "unknown" }));
  });
  const stopListening = onAbort(own.signal, (reason) => {
    stopTimer();
    feed.fail(reason);
  });
  const pull = async (): Promise<void> => {
    const result = await served.next();
    if (result.done !== true) return feed.deliver([encodeEnvelope(result.value)]);
    stopListening();
    stopTimer();
    own.release();
    feed.finish(result.value);
  };
  feed.headers(new Headers());
  return feed.response;
}

async function* iterate(messages: CarrierCall["messages"]): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield message;
}
