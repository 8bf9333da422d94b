import { toBase64 } from "../core/base64.js";
import type { Payload, PayloadCodec } from "../core/codec.js";
import { inspect } from "../core/inspect.js";
import { dataOf, eachOf, numberOf, textOf, ViewReader, type Lazy, type Part } from "../wire/view-reader.js";
import type { Metadata, ReceivedEvent, SequencedEvent, TrackingInfo, UmaDbEvent } from "./types.js";

// Written by hand: an event is scanned once, for where its fields begin, and decodes each when it is asked for it. A
// test compares this with the generated codec. A case is `field number * 8 + wire type`.

/** One message of the server: a ReadResponse; a SubscribeResponse too, which is one that never has a `head`. */
export interface ReceivedBatch<Data> {
  readonly events: ReceivedEvent<Data>[];
  readonly head: bigint | undefined;
}

/**
 * The messages in a chunk of data envelopes; their events are views on it.
 *
 * @throws {MillraceError} `protocol` for a chunk whose structure is wrong anywhere; none of it is handed out then. A text
 *   that is not UTF-8 is found by the getter that decodes it, which throws the same.
 */
export function readBatches<Data>(chunk: Uint8Array, codec: PayloadCodec<Data> | undefined): ReceivedBatch<Data>[] {
  const reader = new ViewReader(chunk, "umadb");
  const batches: ReceivedBatch<Data>[] = [];
  for (let end = reader.envelope(); end !== 0; end = reader.envelope()) {
    const events: ReceivedEvent<Data>[] = [];
    let head: bigint | undefined;
    for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
      if (key === 10) events.push(scanEvent(reader, reader.span(), codec));
      else if (key === 16) head = reader.uint64();
      else reader.skip(key);
    }
    batches.push({ events, head });
  }
  return batches;
}

function scanEvent<Data>(reader: ViewReader, end: number, codec: PayloadCodec<Data> | undefined): ReceivedView<Data> {
  let position = 0;
  let part: Part = 0;
  let tracking: TrackingInfo | undefined;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 8) {
      position = reader.at;
      reader.uint32();
    } else if (key === 18) part = reader.part(part);
    else if (key === 26) tracking = readTracking(reader, tracking);
    else reader.skip(key);
  }
  const source = typeof part === "number" ? reader : part;
  const event = new EventView(source, part === 0 ? end : source.enter(part), codec);
  reader.at = end;
  return new ReceivedView(reader, position, event, tracking);
}

function readTracking(reader: ViewReader, { source = "", position = 0n }: Partial<TrackingInfo> = {}): TrackingInfo {
  const end = reader.span();
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (key === 10) source = reader.text();
    else if (key === 16) position = reader.uint64();
    else reader.skip(key);
  }
  return { source, position };
}

class EventView<Data> implements UmaDbEvent<Data> {
  readonly #codec: PayloadCodec<Data> | undefined;
  readonly #end: number;
  #reader: ViewReader;
  #type: Lazy<string> = 0;
  #tags: Lazy<readonly string[]> = 0;
  #data: Lazy<Uint8Array> = 0;
  #uuid: Lazy<string> = 0;
  #metadata: Lazy<Metadata> = 0;
  /** What the codec made of the event. */
  #decoded: Payload<Data> | undefined;

  constructor(reader: ViewReader, end: number, codec: PayloadCodec<Data> | undefined) {
    this.#reader = reader;
    this.#end = end;
    this.#codec = codec;
    for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
      const { at } = reader;
      reader.skip(key);
      switch (key) {
        case 10: this.#type = at; break;
        case 18: this.#tags ||= at; break;
        case 26: this.#data = at; break;
        case 34: this.#uuid = at; break;
        case 42:
          this.#metadata ||= at;
          reader.at = at;
          readEntry(reader);
      }
    }
  }

  get type(): string {
    return this.#payload?.type ?? this.#storedType;
  }

  get tags(): readonly string[] {
    if (typeof this.#tags === "number") {
      const reader = this.#reader;
      const tags: string[] = [];
      eachOf(reader, this.#tags, this.#end, 18, () => tags.push(reader.text()));
      this.#tags = tags;
    }
    return this.#tags;
  }

  get data(): Data {
    const payload = this.#payload;
    // Without a codec `Data` is bytes; the client's options say so.
    return payload === undefined ? (this.#storedData as Data) : payload.data;
  }

  get uuid(): string | undefined {
    return (this.#uuid = textOf(this.#reader, this.#uuid)) || undefined;
  }

  get metadata(): Metadata {
    if (typeof this.#metadata === "number") {
      const reader = this.#reader;
      const metadata = Object.create(null) as Record<string, string>;
      eachOf(reader, this.#metadata, this.#end, 42, () => readEntry(reader, metadata));
      this.#metadata = metadata;
    }
    return this.#metadata;
  }

  get #payload(): Payload<Data> | undefined {
    return this.#codec && (this.#decoded ??= this.#codec.decode({ type: this.#storedType, data: this.#storedData }));
  }

  get #storedType(): string {
    return (this.#type = textOf(this.#reader, this.#type));
  }

  get #storedData(): Uint8Array {
    return (this.#data = dataOf(this.#reader, this.#data));
  }

  toObject(): UmaDbEvent<Data> {
    const { type, tags, data, uuid, metadata } = this;
    return {
      type, tags: [...tags], data: ownBytes(data), ...(uuid === undefined ? {} : { uuid }),
      metadata: Object.assign(Object.create(null), metadata) as Metadata,
    };
  }

  detach(): void {
    const { type, data } = this.toObject();
    if (this.#codec === undefined) {
      this.#data = data as Uint8Array;
    } else {
      this.#decoded = { type, data };
      this.#data = 0;
    }
    // Nothing is left to decode.
    this.#reader = undefined as unknown as ViewReader;
  }

  toJSON(): unknown {
    const { type, tags, data, uuid, metadata } = this;
    return { type, tags, data: data instanceof Uint8Array ? toBase64(data) : data, uuid, metadata };
  }

  [inspect](): unknown {
    return this.toObject();
  }
}

class ReceivedView<Data> implements ReceivedEvent<Data> {
  readonly #event: EventView<Data>;
  readonly #tracking: TrackingInfo | undefined;
  #reader: ViewReader;
  #position: Lazy<bigint>;

  constructor(reader: ViewReader, position: number, event: EventView<Data>, tracking: TrackingInfo | undefined) {
    this.#reader = reader;
    this.#position = position;
    this.#event = event;
    this.#tracking = tracking;
  }

  get position(): bigint {
    return (this.#position = numberOf(this.#reader, this.#position));
  }

  get event(): UmaDbEvent<Data> {
    return this.#event;
  }

  get trackingInfo(): TrackingInfo | undefined {
    return this.#tracking;
  }

  toObject(): SequencedEvent<Data> {
    const tracking = this.#tracking;
    return { position: this.position, event: this.#event.toObject(), ...(tracking && { trackingInfo: { ...tracking } }) };
  }

  detach(): this {
    this.#position = this.position;
    this.#event.detach();
    this.#reader = undefined as unknown as ViewReader;
    return this;
  }

  toJSON(): unknown {
    const tracking = this.#tracking;
    return {
      position: String(this.position),
      event: this.#event.toJSON(),
      trackingInfo: tracking && { source: tracking.source, position: String(tracking.position) },
    };
  }

  [inspect](): unknown {
    return this.toObject();
  }
}

/** Reads an entry of an event's metadata, or only proves that it is one. */
function readEntry(reader: ViewReader, metadata?: Record<string, string>): void {
  let name = "";
  let value = "";
  const end = reader.span();
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    if (metadata !== undefined && key === 10) name = reader.text();
    else if (metadata !== undefined && key === 18) value = reader.text();
    else reader.skip(key);
  }
  if (metadata !== undefined) metadata[name] = value;
}

/** A copy of bytes; anything else was made by the user's codec and is the user's own. */
function ownBytes<Data>(data: Data): Data {
  return data instanceof Uint8Array ? (new Uint8Array(data) as Data) : data;
}
