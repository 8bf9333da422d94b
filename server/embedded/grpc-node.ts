import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { encodeGrpcMessage } from "millrace/internal/wire/grpc-message";
import type { Trailers } from "millrace/internal/wire/trailers";
import { headersOfFields } from "./node-headers.js";
import { drained } from "./node-stream.js";
import { requestMessages } from "./request-messages.js";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** What the real server takes of request headers; above it the answer is HTTP's, without a gRPC status. */
const MAX_HEADER_BYTES = 16_384;
/** HTTP/2 counts so much for each header beside its name and value. */
const BYTES_BESIDE_HEADER = 32;

/** Answers a call that came as native gRPC. Details travel as the system's own clients read them. */
export async function answerGrpc(service: EmbeddedService, stream: ServerHttp2Stream, fields: IncomingHttpHeaders): Promise<void> {
  const left = new AbortController();
  stream.on("error", () => undefined);
  stream.on("close", () => left.abort());
  if (headerBytes(fields) > MAX_HEADER_BYTES) {
    stream.respond({ ":status": 431 }, { endStream: true });
    stream.resume();
    return;
  }
  const headers = headersOfFields(fields);
  const path = String(fields[":path"]);
  const answer = new GrpcAnswer(stream);
  const served = serve(service, {
    path,
    headers,
    signal: left.signal,
    begin: () => answer.begin(),
    // Leaving the iteration must not destroy the stream, which is the answer's too.
    requests: requestMessages(stream.iterator({ destroyOnReturn: false }), service.maxRequestBytes(path), headers.get("grpc-encoding")),
  }, "raw");
  for (;;) {
    const result = await served.next();
    if (stream.destroyed) return void served.return({ status: 1, message: "", headers: new Headers() });
    if (result.done === true) return answer.end(result.value);
    await answer.write(result.value);
  }
}

function headerBytes(fields: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) bytes += name.length + one.length + BYTES_BESIDE_HEADER;
  }
  return bytes;
}

/** The answer's side of a stream: headers when they must leave, trailers alone for a call that fails before. */
class GrpcAnswer {
  readonly #stream: ServerHttp2Stream;
  #trailers: Record<string, string> = {};

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  begin(): void {
    const stream = this.#stream;
    if (stream.headersSent || stream.destroyed) return;
    stream.once("wantTrailers", () => stream.sendTrailers(this.#trailers));
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  }

  async write(payload: Uint8Array): Promise<void> {
    this.begin();
    if (!this.#stream.write(encodeEnvelope(payload))) await drained(this.#stream);
  }

  end({ status, message, headers }: Trailers): void {
    const stream = this.#stream;
    this.#trailers = { ...Object.fromEntries(headers), "grpc-status": String(status) };
    if (message !== "") this.#trailers["grpc-message"] = encodeGrpcMessage(message);
    // A call that is refused early may have sent only a part of its body; what still comes is dropped.
    stream.resume();
    if (!stream.headersSent && status !== 0) {
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...this.#trailers }, { endStream: true });
      return;
    }
    this.begin();
    stream.end();
  }
}
