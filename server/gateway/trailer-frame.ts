import { toLatin1 } from "millrace/internal/core/bytes";
import { encodeTrailerFrame } from "millrace/internal/wire/frames";
import type { HeaderFields } from "./exchange.js";

/** gRPC-Web's last envelope for these trailers. Values are taken as they came over the wire, one character a byte. */
export function trailerFrame(trailers: HeaderFields): Uint8Array {
  let block = "";
  for (const name of Object.keys(trailers)) {
    const value = trailers[name];
    if (typeof value === "string") block += `${name}: ${value}\r\n`;
    else for (const one of value ?? []) block += `${name}: ${one}\r\n`;
  }
  return encodeTrailerFrame(toLatin1(block));
}
