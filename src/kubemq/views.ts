import { toBase64 } from "../core/base64.js";
import { inspect } from "../core/inspect.js";
import { dataOf, eachOf, numberOf, textOf, ViewReader, type Lazy } from "../wire/view-reader.js";

// Written by hand: a message is scanned once, for where its fields begin, and decodes each when it is asked for it. A
// test compares this with the generated codec. A case is `field number * 8 + wire type`.

/** Unique keys, as an object without a prototype, so that a key like `__proto__` is a key like any other. */
export type Tags = Readonly<Record<string, string>>;

/** A plain copy of an {@link EventView}. */
export interface EventObject {
  /** Made by the sender, or by the broker. */
  readonly id: string;
  /** The event's own, also where it was subscribed to by a pattern. */
  readonly channel: string;
  /** A text of the sender's. */
  readonly metadata: string;
  /** The payload. */
  readonly body: Uint8Array;
  /** In nanoseconds since 1970; 0n for events that are not stored. */
  readonly timestamp: bigint;
  /** In its channel, from 1; 0n for events that are not stored. */
  readonly sequence: bigint;
  /** The sender's; empty when there are none. */
  readonly tags: Tags;
}

/**
 * The events in a chunk of data envelopes (each an EventReceive), in order: views on it.
 *
 * @throws {MillraceError} `protocol` for a chunk whose structure is wrong; none of it is handed out then. What is wrong
 *   inside tags, or no UTF-8, is found by the getter that decodes it, which throws the same.
 */
export function readEvents(chunk: Uint8Array): EventView[] {
  const reader = new ViewReader(chunk, "kubemq");
  const events: EventView[] = [];
  for (let end = reader.envelope(); end !== 0; end = reader.envelope()) events.push(new EventView(reader, end));
  return events;
}

/** An event, stored or not, as it came: a view that keeps its chunk in memory. */
export class EventView {
  readonly #end: number;
  #reader: ViewReader;
  #id: Lazy<string> = 0;
  #channel: Lazy<string> = 0;
  #metadata: Lazy<string> = 0;
  #body: Lazy<Uint8Array> = 0;
  #timestamp: Lazy<bigint> = 0;
  #sequence: Lazy<bigint> = 0;
  #tags: Lazy<Tags> = 0;

  /** @param end Where the message ends that `reader` is at the beginning of. */
  constructor(reader: ViewReader, end: number) {
    this.#reader = reader;
    this.#end = end;
    for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
      const { at } = reader;
      reader.skip(key);
      switch (key) {
        case 10: this.#id = at; break;
        case 18: this.#channel = at; break;
        case 26: this.#metadata = at; break;
        case 34: this.#body = at; break;
        case 40: this.#timestamp = at; break;
        case 48: this.#sequence = at; break;
        case 58: this.#tags ||= at; break;
      }
    }
  }

  /** Made by the sender, or by the broker. */
  get id(): string {
    return (this.#id = textOf(this.#reader, this.#id));
  }

  /** The event's own, also where it was subscribed to by a pattern. */
  get channel(): string {
    return (this.#channel = textOf(this.#reader, this.#channel));
  }

  /** A text of the sender's. */
  get metadata(): string {
    return (this.#metadata = textOf(this.#reader, this.#metadata));
  }

  /** The payload; a view. */
  get body(): Uint8Array {
    return (this.#body = dataOf(this.#reader, this.#body));
  }

  /** When it was stored, in nanoseconds since 1970; 0n for events that are not stored. */
  get timestamp(): bigint {
    return (this.#timestamp = BigInt.asIntN(64, numberOf(this.#reader, this.#timestamp)));
  }

  /** Its place in its channel, from 1; 0n for events that are not stored. */
  get sequence(): bigint {
    return (this.#sequence = numberOf(this.#reader, this.#sequence));
  }

  /** The sender's; empty when there are none. */
  get tags(): Tags {
    if (typeof this.#tags === "number") this.#tags = tagsOf(this.#reader, this.#tags, this.#end, 58);
    return this.#tags;
  }

  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): EventObject {
    const { id, channel, metadata, body, timestamp, sequence, tags } = this;
    return { id, channel, metadata, body: new Uint8Array(body), timestamp, sequence, tags: copyOf(tags) };
  }

  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same event. */
  detach(): this {
    this.#body = this.toObject().body;
    // Nothing is left to decode.
    this.#reader = undefined as unknown as ViewReader;
    return this;
  }

  /** For `JSON.stringify`: numbers as decimal strings, bytes as base64. */
  toJSON(): unknown {
    const { id, channel, metadata, body, timestamp, sequence, tags } = this;
    return { id, channel, metadata, body: toBase64(body), timestamp: String(timestamp), sequence: String(sequence), tags };
  }

  [inspect](): unknown {
    return this.toObject();
  }
}

/** A map in field `key / 8`; of a key that comes twice the last counts. */
export function tagsOf(reader: ViewReader, first: number, end: number, key: number): Tags {
  const tags = Object.create(null) as Record<string, string>;
  eachOf(reader, first, end, key, () => {
    let name = "";
    let value = "";
    const stop = reader.span();
    for (let inner = reader.key(stop); inner !== 0; inner = reader.key(stop)) {
      if (inner === 10) name = reader.text();
      else if (inner === 18) value = reader.text();
      else reader.skip(inner);
    }
    tags[name] = value;
  });
  return tags;
}

/** A copy of tags. */
export function copyOf(tags: Tags): Tags {
  return Object.assign(Object.create(null), tags) as Tags;
}
