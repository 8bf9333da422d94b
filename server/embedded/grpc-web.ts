import { encodeEnvelope, encodeTrailerFrame } from "millrace/internal/wire/frames";
import { serializeTrailers, type Trailers } from "millrace/internal/wire/trailers";

/** The content type of every answer. */
export const WEB_CONTENT_TYPE = "application/grpc-web+proto";

/** Whether a request's content type is gRPC-Web in binary, the only form that is understood. */
export function isWebContentType(type: string | null | undefined): boolean {
  return type === "application/grpc-web" || type === WEB_CONTENT_TYPE;
}

/** The method that a URL's path ends with; whatever stands before it is a prefix of the address. */
export function methodPath(pathname: string): string {
  return /\/[^/]+\/[^/]+$/.exec(pathname)?.[0] ?? "/";
}

/** The next piece of an answer's body: a message, or the trailer frame that ends it. */
export function webFrame(result: IteratorResult<Uint8Array, Trailers>): Uint8Array<ArrayBuffer> {
  return result.done === true ? encodeTrailerFrame(serializeTrailers(result.value)) : encodeEnvelope(result.value);
}
