import { json } from "../core/json.js";
import type { NewEvent } from "./types.js";

/** What {@link jsonEvent} takes. */
export interface JsonEventFields<Data = unknown, Meta = unknown> {
  /** What happened; not empty. */
  readonly type: string;
  /** The payload: anything that JSON can hold. */
  readonly data: Data;
  /** The writer's own metadata, anything that JSON can hold; none by default. `$correlationId` and `$causationId` are known to the server. */
  readonly metadata?: Meta | undefined;
  /** A UUID; made when it is appended, where it is left out. */
  readonly id?: string | undefined;
}

/** What {@link binaryEvent} takes. */
export type BinaryEventFields = Omit<NewEvent, "contentType">;

/**
 * An event whose payload is JSON, which projections and the server's own pages can read.
 *
 * @throws {MillraceError} `invalid_argument` for what JSON cannot hold.
 */
export function jsonEvent<Data = unknown, Meta = unknown>({ type, data, metadata, id }: JsonEventFields<Data, Meta>): NewEvent {
  return { type, data: json(data), metadata: metadata === undefined ? undefined : json(metadata), contentType: "application/json", id };
}

/** An event whose payload is bytes. */
export function binaryEvent({ type, data, metadata, id }: BinaryEventFields): NewEvent {
  return { type, data, metadata, contentType: "application/octet-stream", id };
}
