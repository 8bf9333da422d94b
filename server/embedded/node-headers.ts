import type { IncomingHttpHeaders } from "node:http2";

/** Node's headers as the platform has them, without HTTP/2's pseudo-headers. */
export function headersOfFields(fields: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}
