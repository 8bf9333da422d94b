import type { IncomingMessage, ServerResponse } from "node:http";
import { isWebContentType, methodPath, WEB_CONTENT_TYPE, webFrame } from "./grpc-web.js";
import { headersOfFields } from "./node-headers.js";
import { drained } from "./node-stream.js";
import { requestMessages } from "./request-messages.js";
import { serve } from "./serve.js";
import type { EmbeddedService } from "./service.js";

/** Answers a call that came as gRPC-Web over HTTP/1.1. */
export async function answerGrpcWeb(service: EmbeddedService, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  response.on("close", () => left.abort());
  const refusal = refusalOf(request);
  if (refusal !== undefined) {
    response.writeHead(refusal.status, { "content-type": "text/plain", connection: "close" }).end(refusal.text);
    return;
  }
  const headers = headersOfFields(request.headers);
  const path = methodPath((request.url ?? "").split("?")[0] as string);
  const served = serve(service, {
    path,
    headers,
    signal: left.signal,
    begin: () => response.flushHeaders(),
    requests: requestMessages(request.iterator({ destroyOnReturn: false }), service.maxRequestBytes(path), headers.get("grpc-encoding")),
  }, "rich");
  response.setHeader("content-type", WEB_CONTENT_TYPE);
  for (;;) {
    const result = await served.next();
    if (response.destroyed) return void served.return({ status: 1, message: "", headers: new Headers() });
    const taken = response.write(webFrame(result));
    if (result.done === true) break;
    if (!taken) await drained(response);
  }
  // A call that is refused early may have sent only a part of its body; what still comes is dropped.
  request.resume();
  response.end();
}

/**
 * Why a request is no call. Whatever a page sends is none: any page of any site can send to a server of this machine,
 * and nothing here tells one from another.
 */
function refusalOf({ headers, method }: IncomingMessage): { status: number; text: string } | undefined {
  if (headers.origin !== undefined) return { status: 403, text: "Pages reach an embedded server through the gateway\n" };
  if (method !== "POST") return { status: 405, text: "gRPC-Web calls are POST\n" };
  if (!isWebContentType(headers["content-type"])) return { status: 415, text: `The content type must be ${WEB_CONTENT_TYPE}\n` };
  return undefined;
}
