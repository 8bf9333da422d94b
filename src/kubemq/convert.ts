import { randomUuid } from "../core/uuid.js";
import { Event } from "../../gen/static/kubemq/kubemq.js";
import type { Broker } from "./broker.js";
import { name, text, wrong } from "./check.js";
import type { NewMessage } from "./types.js";

/** What a broker takes at most, in bytes. */
export const MAX_SENT_BYTES = 100 * 1024 * 1024;

/** The tag in which newer clients of KubeMQ say who sent an event. */
export const SENDER_TAG = "x-kubemq-client-id";

/** What messages have in common, checked and complete. */
export interface WireMessage {
  readonly id: string;
  readonly Metadata: string;
  readonly Body: Uint8Array;
  readonly Tags: Map<string, string>;
}

/** The names of a message's properties. */
export const MESSAGE_NAMES = ["id", "metadata", "body", "tags"] as const;

/**
 * The parts of a message that any kind has.
 *
 * @throws {MillraceError} `invalid_argument`.
 */
export function toWireMessage(message: NewMessage, path: string): WireMessage {
  const { id, metadata, body = new Uint8Array(0), tags } = message;
  if (!(body instanceof Uint8Array)) throw wrong(`${path}.body`, body, "must be a Uint8Array");
  if (body.length > MAX_SENT_BYTES) throw wrong(`${path}.body`, body, `must have at most ${MAX_SENT_BYTES} bytes`);
  const Metadata = metadata === undefined ? "" : text(metadata, `${path}.metadata`);
  if (Metadata === "" && body.length === 0) throw wrong(path, message, "must have `metadata` or a `body` that is not empty");
  return { id: id === undefined ? randomUuid() : name(id, `${path}.id`), Metadata, Body: body, Tags: toTags(tags, `${path}.tags`) };
}

/** Tags as the wire has them. */
export function toTags(tags: unknown, path: string): Map<string, string> {
  if (tags === undefined) return new Map();
  if (typeof tags !== "object" || tags === null) throw wrong(path, tags, "must be an object of strings, or pairs of them");
  const pairs: unknown[] = Symbol.iterator in tags ? [...(tags as Iterable<unknown>)] : Object.entries(tags);
  return new Map(pairs.map((pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong(`${path}[${index}]`, pair, "must be a pair of strings");
    return [text(pair[0], `${path}[${index}][0]`), text(pair[1], `${path}[${index}][1]`)] as const;
  }));
}

/** An event, encoded. */
export function encodeEvent({ clientId, tagSender }: Broker, Channel: string, { id, ...message }: WireMessage, Store: boolean): Uint8Array {
  if (tagSender) message.Tags.set(SENDER_TAG, clientId);
  return Event.encode({ EventID: id, ClientID: clientId, Channel, Store, ...message }).finish();
}
