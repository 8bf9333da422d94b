/** A place in the log of all streams. Places are compared by `commit` first. */
export interface Position {
  /** From 0 to 2^64 - 1. */
  readonly commit: bigint;
  /** At most `commit`; the same for every event that is written today. Both are 2^64 - 1 where the server does not know. */
  readonly prepare: bigint;
}

/** What a write expects of its stream. */
export type ExpectedRevision =
  /** The revision of the stream's last event. */
  | bigint
  /** The stream has never been written to, or was deleted (not tombstoned). */
  | "no_stream"
  /** Anything. */
  | "any"
  /** The stream has events. */
  | "stream_exists";

/** How the server was told to treat an event's payload. Anything but the first is binary to it. */
export type ContentType = "application/json" | "application/octet-stream";

/** An event to append; `jsonEvent()` and `binaryEvent()` make one. */
export interface NewEvent<Data = Uint8Array> {
  /** What happened; not empty. Names that begin with `$` are the system's by convention. */
  readonly type: string;
  /** The payload: bytes, or what the client's `codec` encodes. */
  readonly data: Data;
  /** The writer's own metadata, by convention JSON; none by default. */
  readonly metadata?: Uint8Array | undefined;
  /** `application/octet-stream` by default. Projections of the server see JSON only. */
  readonly contentType?: ContentType | undefined;
  /** A UUID in any usual spelling, by which the server recognises a repeat; made by the client when left out. */
  readonly id?: string | undefined;
}

/** An event as it is stored. An object literal is assignable, so that tests can make their own. */
export interface RecordedEvent<Data = Uint8Array> {
  /** A UUID, in lower case with hyphens. */
  readonly id: string;
  /** What happened. */
  readonly type: string;
  /** The payload: bytes, or what the client's `codec` made of them. */
  readonly data: Data;
  /** The writer's own, by convention JSON; empty when there is none. */
  readonly metadata: Uint8Array;
  /** The stream that it was written to. */
  readonly stream: string;
  /** Its place in its stream, from 0. */
  readonly revision: bigint;
  /** Its place among all events. */
  readonly position: Position;
  /**
   * The commit position of what was read: of the link where there is one. Servers up to 22.6 say it in reads of all
   * streams alone.
   */
  readonly commitPosition?: bigint | undefined;
  /** When it was recorded, to the millisecond. */
  readonly created: Date;
  /** As the server stores it: every payload that was not declared as JSON is `application/octet-stream`. */
  readonly contentType: string;
  /** The link through which the event was found, where links are resolved. A link whose event is gone comes as the event itself. */
  readonly link?: RecordedEvent | undefined;
}

/**
 * An event as a read or a subscription hands it out. Its bytes may be a view on the response, which they keep in
 * memory: what is kept for long is kept by `detach()` or `toObject()`.
 */
export interface ReceivedEvent<Data = Uint8Array> extends RecordedEvent<Data> {
  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): RecordedEvent<Data>;
  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same event. */
  detach(): this;
  /** For `JSON.stringify`: revisions and positions as decimal strings, bytes as base64. */
  toJSON(): unknown;
}

/** What a write that was accepted says. */
export interface AppendResult {
  /** The revision of the last event written: the next append's `expectedRevision`. `undefined` when the stream has no event. */
  readonly nextRevision: bigint | undefined;
  /** The place of the last event written; `undefined` where the server does not say. */
  readonly position: Position | undefined;
}

/** What a delete or a tombstone says. */
export interface DeleteResult {
  /** The place of the record of it; `undefined` where the server does not say. */
  readonly position: Position | undefined;
}

/** Events for one of several streams. */
export interface StreamAppend<Data = Uint8Array> {
  /** Given once in an append, whatever the case of its letters: the server compares names without regard to it. */
  readonly stream: string;
  /** At least one, in this order. Their metadata, if any, must be a JSON object; a type holds letters, digits and `_ . $ : -` only. */
  readonly events: readonly NewEvent<Data>[];
  /** What the stream must be; `"any"` by default. */
  readonly expectedRevision?: ExpectedRevision | undefined;
}

/** An event and the stream that it is for. */
export interface NewRecord<Data = Uint8Array> extends NewEvent<Data> {
  /** Where it is written. */
  readonly stream: string;
}

/** What a stream may be found to be. */
export type StreamState = ExpectedRevision | "deleted" | "tombstoned";

/** What a stream must be for records to be written, whether they are for it or not. */
export interface StreamCheck {
  /** Checked once. */
  readonly stream: string;
  /** What it must be. */
  readonly expected: Exclude<StreamState, "any">;
}

/** A check that did not hold. */
export interface CheckViolation {
  /** The index of the check; past all of them for a stream that is written to and was tombstoned. */
  readonly check: number;
  /** The stream that was looked at. */
  readonly stream: string;
  /** What it had to be. */
  readonly expected: StreamState;
  /** What it was. */
  readonly actual: StreamState;
}

/** What a write to several streams says. */
export interface MultiAppendResult {
  /** Each stream that was written to, and the revision of its last event. */
  readonly streams: readonly { readonly stream: string; readonly revision: bigint }[];
  /** The position of the last event of all. */
  readonly position: bigint;
}

/** Chooses events of all streams, at the server; `eventTypes()`, `streamNames()` and `excludeSystemEvents()` make one. */
export interface EventFilter {
  /** What is looked at: the type of an event, or the name of its stream. */
  readonly by: "type" | "stream";
  /** A regular expression of the server's (.NET) dialect that is searched for; wins over `prefixes`. */
  readonly regex?: string | undefined;
  /** Any of these begins it; none at all matches nothing. */
  readonly prefixes?: readonly string[] | undefined;
}
