import { EnvelopeReader } from "millrace/internal/wire/envelope-reader";
import { encodeEnvelope, encodeTrailerFrame, payloadsOf } from "millrace/internal/wire/frames";
import { serializeTrailers, type Trailers } from "millrace/internal/wire/trailers";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const CONTENT_TYPES = new Set(["application/grpc-web", "application/grpc-web+proto"]);

/**
 * An embedded server as a `fetch`: gRPC-Web in, gRPC-Web out. Fits a client's `fetch` option, and a Worker's handler.
 * The method is found by the last two segments of the path, so any host and path prefix will do.
 */
export function embeddedFetch(service: EmbeddedService): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "POST") return new Response(null, { status: 405 });
    if (!CONTENT_TYPES.has(request.headers.get("content-type") ?? "")) return new Response(null, { status: 415 });
    const path = /\/[^/]+\/[^/]+$/.exec(new URL(request.url).pathname)?.[0] ?? "/";
    const body = new Uint8Array(await request.arrayBuffer());
    const left = new AbortController();
    const context = { headers: request.headers, signal: AbortSignal.any([request.signal, left.signal]) };
    const served = serve(service, path, messagesOf(body), context, "status");
    return new Response(bodyOf(served, left), { headers: { "content-type": "application/grpc-web+proto" } });
  };
}

async function* messagesOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  const reader = new EnvelopeReader({ maxMessageBytes: MAX_REQUEST_BYTES, framing: "grpc" });
  const chunks: Uint8Array[] = [];
  reader.push(body, chunks);
  reader.end();
  for (const chunk of chunks) yield* payloadsOf(chunk);
}

function bodyOf(served: AsyncGenerator<Uint8Array, Trailers>, left: AbortController): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const result = await served.next();
      if (result.done !== true) return controller.enqueue(encodeEnvelope(result.value));
      controller.enqueue(encodeTrailerFrame(serializeTrailers(result.value)));
      controller.close();
    },
    cancel: () => left.abort(),
  }, { highWaterMark: 0 });
}
