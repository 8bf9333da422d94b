import { toBase64 } from "../core/base64.js";
import type { Payload, PayloadCodec } from "../core/codec.js";
import { inspect } from "../core/inspect.js";
import { dataOf, eachOf, numberOf, textOf, ViewReader, type Lazy, type Part } from "../wire/view-reader.js";
import type { Position, ReceivedEvent, RecordedEvent } from "./types.js";
import { readNote, streamOf, type ReadNote } from "./view-note.js";

// Written by hand: an event is scanned once, for where its fields begin, and decodes each when it is asked for it. A
// test compares this with the generated codec. A case is `field number * 8 + wire type`.

/** What the server sends in a read or a subscription, one a message: an event, or a note between events. */
export type ReadMessage<Data = Uint8Array> = EventView<Data> | ReadNote;

/**
 * The messages in a chunk of data envelopes, in order; events are views on it. A message that holds nothing known here is
 * left out.
 *
 * @throws {MillraceError} `protocol` for a chunk whose structure is wrong; none of it is handed out then. What is wrong
 *   inside an id, a stream's name or the system's metadata, or no UTF-8, is found by the getter that decodes it, which
 *   throws the same.
 */
export function readMessages<Data = Uint8Array>(chunk: Uint8Array, codec?: PayloadCodec<Data>): ReadMessage<Data>[] {
  const reader = new ViewReader(chunk, "eventstoredb");
  const messages: ReadMessage<Data>[] = [];
  for (let end = reader.envelope(); end !== 0; end = reader.envelope()) {
    const message = readMessage(reader, end, codec);
    if (message !== undefined) messages.push(message);
    reader.at = end;
  }
  return messages;
}

function readMessage<Data>(reader: ViewReader, end: number, codec: PayloadCodec<Data> | undefined): ReadMessage<Data> | undefined {
  let kind = 0;
  let part: Part = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    // Of the members of a oneof the last one counts.
    switch (key) {
      case 10: case 18: case 26: case 34: case 58: case 66: case 74:
        part = reader.part(key === kind ? part : 0);
        kind = key;
        break;
      case 40: case 48:
        part = reader.at;
        kind = key;
        reader.skip(key);
        break;
      default: reader.skip(key);
    }
  }
  const source = typeof part === "number" ? reader : part;
  return kind === 10 ? readEvent(source, source.enter(part), codec) : readNote(source, kind, part);
}

/** A ReadEvent; `undefined` when it has neither an event nor a link. */
export function readEvent<Data>(reader: ViewReader, end: number, codec: PayloadCodec<Data> | undefined): EventView<Data> | undefined {
  let event: Part = 0;
  let link: Part = 0;
  let commit = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) event = reader.part(event);
    else if (key === 18) link = reader.part(link);
    else {
      if (key === 24) commit = reader.at;
      else if (key === 34) commit = 0;
      reader.skip(key);
    }
  }
  // A codec is for payloads: what a link holds is the store's own, unless it is all there is.
  if (event === 0) return link === 0 ? undefined : viewOf(reader, link, commit, undefined, codec);
  return viewOf(reader, event, commit, link === 0 ? undefined : viewOf<Uint8Array>(reader, link, commit, undefined, undefined), codec);
}

function viewOf<Data>(
  reader: ViewReader, part: Part, commit: number, link: EventView | undefined, codec: PayloadCodec<Data> | undefined,
): EventView<Data> {
  const source = typeof part === "number" ? reader : part;
  return new EventView(source, source.enter(part), source === reader || commit === 0 ? commit : numberOf(reader, commit), link, codec);
}

/** A recorded event as it came: a view that keeps its chunk in memory. */
export class EventView<Data = Uint8Array> implements ReceivedEvent<Data> {
  readonly #link: EventView | undefined;
  readonly #end: number;
  #reader: ViewReader;
  #readCommit: Lazy<bigint>;
  #id: Lazy<string> = 0;
  #stream: Lazy<string> = 0;
  #revision: Lazy<bigint> = 0;
  #prepare: Lazy<bigint> = 0;
  #commit: Lazy<bigint> = 0;
  /** The first entry of what the server says of the event; 0 once they were looked through. */
  #system = 0;
  #type: Lazy<string> = 0;
  #contentType: Lazy<string> = 0;
  #created: Lazy<string> = 0;
  #metadata: Lazy<Uint8Array> = 0;
  #data: Lazy<Uint8Array> = 0;
  readonly #codec: PayloadCodec<Data> | undefined;
  /** What the codec made of the event. */
  #decoded: Payload<Data> | undefined;

  /**
   * @param end Where the message ends that `reader` is at the beginning of.
   * @param commit The commit position of the read, if it has one.
   * @param codec Makes `type` and `data` of what is stored, when one of them is asked for.
   */
  constructor(reader: ViewReader, end: number, commit: Lazy<bigint>, link: EventView | undefined, codec?: PayloadCodec<Data>) {
    this.#reader = reader;
    this.#end = end;
    this.#readCommit = commit;
    this.#link = link;
    this.#codec = codec;
    for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
      const { at } = reader;
      reader.skip(key);
      switch (key) {
        case 10: this.#id ||= at; break;
        case 18: this.#stream ||= at; break;
        case 24: this.#revision = at; break;
        case 32: this.#prepare = at; break;
        case 40: this.#commit = at; break;
        case 50: this.#system ||= at; break;
        case 58: this.#metadata = at; break;
        case 66: this.#data = at; break;
      }
    }
  }

  /** Tells it from notes. */
  get kind(): "event" {
    return "event";
  }

  /** A UUID, in lower case with hyphens. */
  get id(): string {
    if (typeof this.#id === "number") this.#id = uuidOf(this.#reader, this.#id, this.#end);
    return this.#id;
  }

  /** The event's type. */
  get type(): string {
    return this.#payload?.type ?? this.#storedType;
  }

  get #payload(): Payload<Data> | undefined {
    return this.#codec && (this.#decoded ??= this.#codec.decode({ type: this.#storedType, data: this.#storedData }));
  }

  get #storedType(): string {
    this.#findNames();
    return (this.#type = textOf(this.#reader, this.#type));
  }

  get #storedData(): Uint8Array {
    return (this.#data = dataOf(this.#reader, this.#data));
  }

  /** `application/json` or `application/octet-stream`. */
  get contentType(): string {
    this.#findNames();
    return (this.#contentType = textOf(this.#reader, this.#contentType));
  }

  /** When it was recorded, to the millisecond. */
  get created(): Date {
    return new Date(Number(this.createdTicks.slice(0, -4)));
  }

  /** When it was recorded, as the server says it: in units of 100 ns since 1970, as a decimal string. */
  get createdTicks(): string {
    this.#findNames();
    return (this.#created = textOf(this.#reader, this.#created));
  }

  /** The stream that it was written to. */
  get stream(): string {
    if (typeof this.#stream === "number") this.#stream = streamOf(this.#reader, this.#stream, this.#end, 18);
    return this.#stream;
  }

  /** Its place in its stream, from 0. */
  get revision(): bigint {
    return (this.#revision = numberOf(this.#reader, this.#revision));
  }

  /** Its place among all events. */
  get position(): Position {
    return {
      commit: (this.#commit = numberOf(this.#reader, this.#commit)),
      prepare: (this.#prepare = numberOf(this.#reader, this.#prepare)),
    };
  }

  /** The commit position of what was read: of the link where there is one. Older servers have none for a single stream. */
  get commitPosition(): bigint | undefined {
    return this.#readCommit === 0 ? undefined : (this.#readCommit = numberOf(this.#reader, this.#readCommit));
  }

  /** The payload, a view; or what the codec made of it. */
  get data(): Data {
    const payload = this.#payload;
    // Without a codec `Data` is bytes; the client's options say so.
    return payload === undefined ? (this.#storedData as Data) : payload.data;
  }

  /** The writer's metadata, by convention JSON; a view, empty when there is none. */
  get metadata(): Uint8Array {
    return (this.#metadata = dataOf(this.#reader, this.#metadata));
  }

  /** The link through which the event was found. A link whose event is gone comes as the event itself, with no link. */
  get link(): EventView | undefined {
    return this.#link;
  }

  /** Finds three keys of a map; others are passed over. */
  #findNames(): void {
    const reader = this.#reader;
    const first = this.#system;
    this.#system = 0;
    eachOf(reader, first, this.#end, 50, () => {
      let name = 0;
      let value = 0;
      const end = reader.span();
      for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
        if (key === 10) name = reader.at;
        else if (key === 18) value = reader.at;
        reader.skip(key);
      }
      if (isAt(reader, name, "type")) this.#type = value;
      else if (isAt(reader, name, "content-type")) this.#contentType = value;
      else if (isAt(reader, name, "created")) this.#created = value;
      reader.at = end;
    });
  }

  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): RecordedEvent<Data> {
    const { id, type, contentType, stream, revision, position, commitPosition, created, link, data } = this;
    const metadata = new Uint8Array(this.metadata);
    return {
      id, type, contentType, data: data instanceof Uint8Array ? (new Uint8Array(data) as Data) : data, metadata, stream, revision, position, created,
      ...(commitPosition === undefined ? {} : { commitPosition }), ...(link && { link: link.toObject() }),
    };
  }

  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same event. */
  detach(): this {
    const { type, data, metadata } = this.toObject();
    this.#metadata = metadata;
    if (this.#codec === undefined) {
      this.#data = data as Uint8Array;
    } else {
      this.#decoded = { type, data };
      this.#data = 0;
    }
    this.#link?.detach();
    // Nothing is left to decode.
    this.#reader = undefined as unknown as ViewReader;
    return this;
  }

  /** For `JSON.stringify`: numbers as decimal strings, bytes as base64. */
  toJSON(): unknown {
    const { id, type, contentType, data, metadata, stream, revision, position: { commit, prepare }, commitPosition, created, link } = this;
    return {
      id, type, contentType, data: data instanceof Uint8Array ? toBase64(data) : data, metadata: toBase64(metadata), stream, revision: String(revision),
      position: { commit: String(commit), prepare: String(prepare) }, commitPosition: commitPosition?.toString(), created, link: link?.toJSON(),
    };
  }

  [inspect](): unknown {
    return this.toObject();
  }
}

/** Whether the text that begins at `at` is `word`, which is ASCII. */
function isAt(reader: ViewReader, at: number, word: string): boolean {
  reader.at = at;
  if (at === 0 || reader.span() - reader.at !== word.length) return false;
  for (let n = 0; n < word.length; n++) if (reader.bytes[reader.at + n] !== word.charCodeAt(n)) return false;
  return true;
}

/** A UUID: as its text, or as two halves, whichever came last. */
function uuidOf(reader: ViewReader, first: number, end: number): string {
  let text: string | undefined = "";
  let high = 0n;
  let low = 0n;
  eachOf(reader, first, end, 10, () => {
    const stop = reader.span();
    for (let key = reader.key(stop); key !== 0; key = reader.key(stop)) {
      if (key === 18) {
        text = reader.text();
        high = low = 0n;
      } else if (key === 10) {
        text = undefined;
        const halves = reader.span();
        for (let half = reader.key(halves); half !== 0; half = reader.key(halves)) {
          if (half === 8) high = reader.uint64();
          else if (half === 16) low = reader.uint64();
          else reader.skip(half);
        }
      } else reader.skip(key);
    }
  });
  return text ?? `${hex(high)}${hex(low)}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function hex(half: bigint): string {
  return half.toString(16).padStart(16, "0");
}
