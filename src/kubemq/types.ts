import type { EventObject } from "./views.js";

/** Tags of a message: unique keys, as an object or as pairs. */
export type NewTags = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/** What every message has. `metadata` or `body` must hold something: the broker refuses a message of tags alone. */
export interface NewMessage {
  /** A uuid by default. Sent as it is, and what results name. */
  id?: string | undefined;
  /** A text; empty by default. */
  metadata?: string | undefined;
  /** The payload; empty by default. */
  body?: Uint8Array | undefined;
  /** None by default. */
  tags?: NewTags | undefined;
}

/** An event as it comes: a view that decodes what is asked of it. `timestamp` and `sequence` are 0n where it is not stored. */
export interface ReceivedEvent extends EventObject {
  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): EventObject;
  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same event. */
  detach(): this;
  /** For `JSON.stringify`: numbers as decimal strings, bytes as base64. */
  toJSON(): unknown;
}

/** What became of one event of a stream. */
export interface PublishResult {
  /** The event's. */
  readonly id: string;
  /** Why the broker did not take it; `undefined` when it did. */
  readonly error?: Error | undefined;
}

/** Where a subscription to stored events begins: `"last"` is the last one stored and those after it. `sequence` and `time` are inclusive. */
export type StartFrom =
  | "new"
  | "first"
  | "last"
  | { readonly sequence: bigint }
  | { readonly time: Date }
  /** Milliseconds before now; the broker counts whole seconds, so it is rounded up to them. */
  | { readonly agoMs: number };

/** What a broker says of itself. */
export interface Ping {
  /** The name of its machine. */
  readonly host: string;
  /** Empty where the broker was built without one. */
  readonly version: string;
  /** By its own clock. */
  readonly startedAt: Date;
  /** Since then. */
  readonly upTimeSeconds: number;
}
