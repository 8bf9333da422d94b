import type { Trailers } from "millrace/internal/wire/trailers";
import { isWebContentType, methodPath, WEB_CONTENT_TYPE, webFrame } from "./grpc-web.js";
import { requestMessages } from "./request-messages.js";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** A `fetch` that is answered without a network. */
export type EmbeddedFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * An embedded server as a `fetch`: gRPC-Web in, gRPC-Web out. Fits a client's `fetch` option, and a Worker's handler.
 * The method is found by the last two segments of the path, so any host and path prefix will do.
 */
export function embeddedFetch(service: EmbeddedService): EmbeddedFetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { headers, method, url } = request;
    if (method !== "POST") return new Response(null, { status: 405 });
    if (!isWebContentType(headers.get("content-type"))) return new Response(null, { status: 415 });
    const body = new Uint8Array(await request.arrayBuffer());
    const left = new AbortController();
    const path = methodPath(new URL(url).pathname);
    const served = serve(service, {
      path,
      headers,
      signal: AbortSignal.any([request.signal, left.signal]),
      begin() {},
      requests: requestMessages(whole(body), service.maxRequestBytes(path), headers.get("grpc-encoding")),
    }, "rich");
    return new Response(bodyOf(served, left), { headers: { "content-type": WEB_CONTENT_TYPE } });
  };
}

async function* whole(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

function bodyOf(served: AsyncGenerator<Uint8Array, Trailers>, left: AbortController): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const result = await served.next();
      controller.enqueue(webFrame(result));
      if (result.done === true) controller.close();
    },
    cancel() {
      left.abort();
      void served.return({ status: 1, message: "", headers: new Headers() });
    },
  }, { highWaterMark: 0 });
}
