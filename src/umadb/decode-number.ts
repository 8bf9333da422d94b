import type { Applied } from "../core/errors.js";
import { ViewReader } from "../wire/view-reader.js";

/**
 * The number in field 1: all that a HeadResponse, AppendResponse, TrackingResponse and HealthCheckResponse hold.
 *
 * @throws {MillraceError} `protocol`, with this `applied`, for bytes that are no message.
 */
export function decodeNumber(bytes: Uint8Array, applied?: Applied): bigint | undefined {
  const reader = new ViewReader(bytes, "umadb", applied);
  let number: bigint | undefined;
  for (let key = reader.key(bytes.length); key !== 0; key = reader.key(bytes.length)) {
    if (key === 8) number = reader.uint64();
    else reader.skip(key);
  }
  return number;
}
