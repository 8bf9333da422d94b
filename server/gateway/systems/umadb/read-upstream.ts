import type { Upstream, UpstreamCall } from "millrace/internal/carrier/http2/upstream";
import { MillraceError } from "millrace/internal/core/errors";
import { ReadRequest, ReadResponse } from "millrace/internal/gen/static/umadb/v1/umadb";
import { decodeWhole } from "millrace/internal/protobuf/decode";
import { EnvelopeReader } from "millrace/internal/wire/envelope-reader";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import { umadbMethods } from "millrace/internal/wire/methods";
import { fieldOf } from "../../exchange.js";

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** What to read from where. */
export interface UpstreamRead {
  readonly upstream: Upstream;
  /** Metadata for the upstream. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly request: ReadRequest;
  readonly signal: AbortSignal;
}

/**
 * Reads from the store on the gateway's own account. Leaving the iteration, or `signal`, leaves the call.
 *
 * @throws {MillraceError} `unavailable` when the read did not end well.
 */
export async function* readUpstream({ upstream, headers, request, signal }: UpstreamRead): AsyncGenerator<ReadResponse> {
  const received: Uint8Array[] = [];
  let over: "no" | "well" | "badly" = "no";
  let wake = (): void => undefined;
  const reader = new EnvelopeReader({ maxMessageBytes: MAX_MESSAGE_BYTES, framing: "grpc" });
  const finish = (how: "well" | "badly"): void => {
    over = how;
    wake();
  };
  const { path, lane, cancel } = umadbMethods.read;
  const call: UpstreamCall = upstream.open({ path, lane, cancel, headers }, {
    headers: () => undefined,
    data(bytes) {
      try {
        reader.push(bytes, received);
      } catch {
        return finish("badly");
      }
      call.pause();
      wake();
    },
    end: (trailers) => finish(fieldOf(trailers, "grpc-status") === "0" ? "well" : "badly"),
    fail: () => finish("badly"),
    writable: () => undefined,
  });
  const abort = (): void => finish("badly");
  signal.addEventListener("abort", abort);
  try {
    call.end(encodeEnvelope(ReadRequest.encode(request).finish()));
    if (signal.aborted) abort();
    for (;;) {
      for (let chunk = received.shift(); chunk !== undefined; chunk = received.shift()) {
        for (const payload of payloadsOf(chunk)) yield decodeWhole(ReadResponse, payload);
      }
      if (over !== "no") break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        call.resume();
      });
    }
    if (over === "badly") throw new MillraceError("unavailable", "The store could not be read", { system: "umadb" });
  } finally {
    signal.removeEventListener("abort", abort);
    call.leave();
  }
}
