import type { Applied, EndReason, ErrorCode } from "../core/errors.js";
import type { MessageRow } from "./message-row.js";

// The HTTP contract between `MessageDb` and the proxy in front of PostgreSQL. Everything is JSON; 64-bit numbers are
// decimal strings. `read` by GET takes its fields as the query; everything else is POST with `application/json`.
// A failed call answers with `{ error }` and the status that fits its code.

/** What stands before an operation's name in the path. */
export const MESSAGEDB_PATH = "/messagedb/v1/";

/** With a full page: where the next one begins, so that it can be asked for while this one comes. */
export const NEXT_HEADER = "millrace-next";

/** The heartbeat of a subscription's stream, in milliseconds. */
export const MESSAGEDB_HEARTBEAT_MS = 15_000;

/** The most messages in a page; the most that one line of a stream holds. */
export const MAX_PAGE = 1_000;

/** A message to write, with JSON as text: id, type, data, metadata. */
export type NewMessageRow = readonly [id: string, type: string, data: string | null, metadata: string | null];

/** `write`: one message or more, in one transaction. */
export interface WriteBody {
  readonly stream: string;
  readonly messages: readonly NewMessageRow[];
  /** The version that the stream must have; `-1` for an empty one. Not looked at when left out. */
  readonly expected?: string | undefined;
  /** It may have been written by an earlier try: then nothing is written, what is stored is compared. */
  readonly repeat?: true | undefined;
}

/** What is read: `"$all"`, a name with a hyphen (a stream), or a category. */
export interface Source {
  readonly name: string;
  /** Member of a consumer group, and its size. */
  readonly member?: number | undefined;
  readonly size?: number | undefined;
  /** Category that metadata must name as its `correlationStreamName`. */
  readonly correlation?: string | undefined;
}

/** `read`: one page. By GET for streams and categories, whose full pages never change; by POST for `"$all"`. */
export interface ReadBody extends Source {
  /** Inclusive. */
  readonly start: string;
  /** From 1 to {@link MAX_PAGE}. */
  readonly limit: number;
}

/** One subscription of a stream of them. */
export interface SubscribeItem extends Source {
  /** What its lines carry, unique in the request. */
  readonly s: number;
  /** Inclusive. */
  readonly start: string;
  /** With `"$all"`: how long a gap is waited for, in milliseconds. */
  readonly gapTimeoutMs?: number | undefined;
}

/** `subscribe`: answered with lines, see {@link SubscribeLine}. */
export interface SubscribeBody {
  readonly subscriptions: readonly SubscribeItem[];
  /** For whoever cannot read an answer before its end: it ends with the first news, or after this many milliseconds. */
  readonly waitMs?: number | undefined;
}

/** A failure as it travels. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly applied?: Applied | undefined;
  readonly reason?: EndReason | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Of a `WrongExpectedVersionError`: the stream's version, `null` where it has none. */
  readonly actual?: string | null | undefined;
  /** Of a `DuplicateMessageError`: the id, `null` where it is not known. */
  readonly duplicate?: string | null | undefined;
}

/** A line of a subscription stream. Lines with other fields are of newer gateways and mean nothing. */
export interface SubscribeLine {
  /** Which subscription; none for those that are about the stream. */
  readonly s?: number | undefined;
  /** Messages, in order. */
  readonly m?: readonly MessageRow[] | undefined;
  /** Nothing stored is left. */
  readonly live?: true | undefined;
  /** Global positions, both inclusive, that were waited for in vain. */
  readonly gap?: readonly [from: string, to: string] | undefined;
  /** More than a page behind: read pages until one is not full, then subscribe again. Nothing more comes. */
  readonly behind?: true | undefined;
  /** The subscription ended, or without `s` the stream did. */
  readonly error?: WireError | undefined;
  /** Nothing happened for a while; `0` is the first line, before anything can have. */
  readonly hb?: string | undefined;
}

/** Operations with one answer: what they take, and what they answer. */
export interface Asked {
  /** The last message of a stream. */
  "last-message": { body: { stream: string; type?: string | undefined }; answer: { message: MessageRow | null } };
  /** The last position of a stream. */
  "stream-version": { body: { stream: string }; answer: { position: string | null } };
  /** The last position that a subscription to a source may bring; for the end as a start. */
  "last-position": { body: { name: string }; answer: { position: string | null } };
  /** The ids of a category's streams. */
  "stream-identifiers": { body: { category: string }; answer: { ids: readonly string[] } };
  /** A report by the name of its method: what is counted, count and percentage. */
  report: { body: { name: string }; answer: { rows: readonly (readonly string[])[] } };
  /** The version of the schema. */
  "message-store-version": { body: Record<string, never>; answer: { version: string } };
  /** A query that the operator registered. */
  query: { body: QueryBody; answer: { messages: readonly MessageRow[] } };
  /** The position of the last message. */
  write: { body: WriteBody; answer: { position: string } };
  /** A page. */
  read: { body: ReadBody; answer: { messages: readonly MessageRow[] } };
}

/** `query`: the name of a registered query, and values for its parameters. */
export interface QueryBody {
  readonly query: string;
  readonly stream?: string | undefined;
  readonly position?: string | undefined;
  readonly limit?: number | undefined;
  readonly member?: number | undefined;
  readonly size?: number | undefined;
}
