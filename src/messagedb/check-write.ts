import { checkOptions } from "../core/arguments.js";
import { MillraceError } from "../core/errors.js";
import { parseUuid, randomUuid } from "../core/uuid.js";
import { callOptions, MAX_INT64, text, wrong } from "./check.js";
import type { JsonFormat, WriteOptions } from "./options.js";
import type { NewMessage } from "./types.js";

/** A message as it is sent: `data` and `metadata` are JSON text, or `null` where there is none. */
export interface SentMessage {
  /** Lower case with hyphens. */
  readonly id: string;
  readonly type: string;
  readonly data: string | null;
  readonly metadata: string | null;
}

/** A write whose arguments are right. */
export interface Write {
  readonly stream: string;
  /** At least one, with different ids. */
  readonly messages: readonly SentMessage[];
  /** Where the first message expects the stream, -1 for no messages; `undefined` where it does not matter. */
  readonly expectedVersion: bigint | undefined;
}

const MESSAGE_FIELDS = ["type", "data", "metadata", "id"];

/** The arguments of `write()` as what is sent. */
export function toWrite(stream: string, message: NewMessage, options: WriteOptions, json: JsonFormat): Write {
  return { ...toTarget(stream, options), messages: [toSent(message, "message", json)] };
}

/** The arguments of `writeBatch()` as what is sent. */
export function toWriteBatch(stream: string, messages: readonly NewMessage[], options: WriteOptions, json: JsonFormat): Write {
  const target = toTarget(stream, options);
  if (!Array.isArray(messages)) throw wrong("messages", messages, "must be an array");
  if (messages.length === 0) throw new MillraceError("invalid_argument", "`messages` must hold at least one message", { system: "messagedb" });
  const sent = Array.from(messages, (message: NewMessage, index) => toSent(message, `messages[${index}]`, json));
  const ids = new Set<string>();
  sent.forEach(({ id }, index) => {
    if (ids.has(id)) throw wrong(`messages[${index}].id`, id, "must be the id of no other message");
    ids.add(id);
  });
  return { ...target, messages: sent };
}

function toTarget(stream: string, options: WriteOptions): Omit<Write, "messages"> {
  callOptions(options, ["expectedVersion"]);
  return { stream: text(stream, "stream"), expectedVersion: toExpectedVersion(options.expectedVersion) };
}

function toExpectedVersion(value: unknown): bigint | undefined {
  if (value === undefined || (typeof value === "bigint" && value >= 0n && value <= MAX_INT64)) return value;
  if (value === "no_stream") return -1n;
  throw wrong("options.expectedVersion", value, 'must be a bigint from 0 to 2^63 - 1, or "no_stream"');
}

function toSent(message: NewMessage, path: string, json: JsonFormat): SentMessage {
  checkOptions(path, message, MESSAGE_FIELDS, `${path}.`, "messagedb");
  const { type, data, metadata, id } = message;
  return {
    id: id === undefined ? randomUuid() : toId(id, `${path}.id`),
    type: text(type, `${path}.type`),
    data: toJsonText(data, `${path}.data`, json),
    metadata: toJsonText(metadata, `${path}.metadata`, json),
  };
}

function toId(value: unknown, path: string): string {
  const id = typeof value === "string" ? parseUuid(value) : undefined;
  if (id === undefined) throw wrong(path, value, "must be a uuid");
  return id;
}

function toJsonText(value: unknown, path: string, json: JsonFormat): string | null {
  if (value === undefined) return null;
  let sent: unknown;
  try {
    sent = json.stringify(value);
  } catch (cause) {
    // The engine's own texts name properties at most; a format of the caller's may say what it likes to its caller.
    throw new MillraceError("invalid_argument", `\`${path}\` must be something that JSON can hold, without cycles and bigints`, { system: "messagedb", cause });
  }
  if (typeof sent !== "string") throw wrong(path, value, "must be something that JSON can hold");
  return sent;
}
