import { MillraceError } from "millrace/internal/core/errors";
import { Ending, linkSignals, onAbort, startTimer } from "millrace/internal/core/signal";
import { ResponseFeed } from "millrace/internal/carrier/response";
import type { Carrier, CarrierCall, CarrierResponse } from "millrace/internal/carrier/types";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** A carrier that calls an embedded server in the same process: no socket, no framing but the envelopes. */
export function embeddedCarrier(service: EmbeddedService): Carrier {
  const closing = new Ending();
  return {
    call: (call) => answer(service, call, closing),
    async close() {
      closing.end(new MillraceError("unavailable", "The carrier is closed"));
    },
  };
}

function answer(service: EmbeddedService, call: CarrierCall, closing: Ending): CarrierResponse {
  const own = linkSignals(call.signal, closing);
  const { path, headers, messages } = call;
  const served = serve(service, { path, headers, requests: iterate(messages), signal: own.signal, begin() {} }, "status");
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
