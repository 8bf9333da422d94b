import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import type { CarrierResponse } from "../carrier/types.js";
import { MillraceError } from "../core/errors.js";
import { payloadsOf } from "../wire/frames.js";
import { connectErrorOfFailure, connectErrorOfStatus } from "./errors.js";

const DONE = { done: true, value: undefined } as const;

/**
 * The messages of an answer, one after the other. Throws `ConnectError`s: for a status other than 0, and for what failed
 * on this side.
 *
 * @param trailer Filled at the end.
 */
export function decodeAnswer<Schema extends DescMessage>(schema: Schema, response: CarrierResponse, trailer: Headers): AsyncIterator<MessageShape<Schema>, undefined> {
  let held: Uint8Array[] = [];
  let at = 0;
  const refill = async (): Promise<boolean> => {
    while (at === held.length) {
      const chunk = await response.chunks.next();
      if (chunk.done === true) return false;
      held = payloadsOf(chunk.value);
      at = 0;
    }
    return true;
  };
  return {
    async next() {
      try {
        if (await refill()) return { done: false, value: decode(schema, held[at++] as Uint8Array) };
        await readTrailers(response, trailer);
        return DONE;
      } catch (error) {
        throw connectErrorOfFailure(error);
      }
    },
  };
}

function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new MillraceError("protocol", `A message of the answer is no ${schema.typeName}`, { applied: "unknown", cause });
  }
}

async function readTrailers(response: CarrierResponse, trailer: Headers): Promise<void> {
  const trailers = await response.trailers;
  if (trailers.status !== 0) throw connectErrorOfStatus(trailers, await response.headers);
  trailers.headers.forEach((value, name) => trailer.append(name, value));
}
