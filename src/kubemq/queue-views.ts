import { toBase64 } from "../core/base64.js";
import { inspect } from "../core/inspect.js";
import { dataOf, eachOf, textOf, ViewReader, type Lazy } from "../wire/view-reader.js";
import { copyOf, tagsOf, type Tags } from "./views.js";

// As views.ts, for the queue messages that a downstream brings.

/** What the broker says of a queue message. Times are nanoseconds since 1970; 0n is none. */
export interface QueueMessageAttributes {
  readonly timestamp: bigint;
  /** In its queue, from 1. A message that was put back has a new one. */
  readonly sequence: bigint;
  readonly md5OfBody: string;
  readonly receiveCount: number;
  readonly reRouted: boolean;
  readonly reRoutedFromQueue: string;
  readonly expirationAt: bigint;
  readonly delayedTo: bigint;
}

/** How its sender wants a queue message to be treated. */
export interface QueueMessagePolicy {
  readonly expirationSeconds: number;
  readonly delaySeconds: number;
  /** Delivered at most this often, then moved to `maxReceiveQueue`, or dropped. */
  readonly maxReceiveCount: number;
  readonly maxReceiveQueue: string;
}

/** A plain copy of a {@link QueueMessageView}. */
export interface QueueMessageObject {
  readonly id: string;
  readonly clientId: string;
  readonly channel: string;
  readonly metadata: string;
  readonly body: Uint8Array;
  readonly tags: Tags;
  readonly attributes: QueueMessageAttributes | undefined;
  readonly policy: QueueMessagePolicy | undefined;
  readonly topic: string;
  readonly partition: number;
  readonly partitionKey: string;
}

/** A QueuesDownstreamResponse; its messages are views. */
export interface DownstreamResponse {
  readonly transactionId: string;
  readonly refRequestId: string;
  /** The number of a QueuesDownstreamRequestType. */
  readonly requestType: number;
  readonly messages: QueueMessageView[];
  /** The sequences of the transaction that are not settled. */
  readonly activeOffsets: bigint[];
  readonly isError: boolean;
  readonly error: string;
  readonly transactionComplete: boolean;
  readonly metadata: Tags;
}

/**
 * The responses in a chunk of data envelopes, in order; their messages are views on it.
 *
 * @throws {MillraceError} `protocol` for a chunk whose structure is wrong; none of it is handed out then. What is wrong
 *   inside a message's tags, attributes or policy, or no UTF-8, is found by the getter that decodes it, which throws the same.
 */
export function readDownstream(chunk: Uint8Array): DownstreamResponse[] {
  const reader = new ViewReader(chunk, "kubemq");
  const responses: DownstreamResponse[] = [];
  for (let end = reader.envelope(); end !== 0; end = reader.envelope()) responses.push(readResponse(reader, end));
  return responses;
}

function readResponse(reader: ViewReader, end: number): DownstreamResponse {
  const response = {
    transactionId: "", refRequestId: "", requestType: 0, messages: [] as QueueMessageView[], activeOffsets: [] as bigint[],
    isError: false, error: "", transactionComplete: false, metadata: {},
  };
  const { activeOffsets } = response;
  const offset = (): unknown => activeOffsets.push(BigInt.asIntN(64, reader.uint64()));
  let metadata = 0;
  for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
    switch (key) {
      case 10: response.transactionId = reader.text(); break;
      case 18: response.refRequestId = reader.text(); break;
      case 24: response.requestType = reader.uint32() | 0; break;
      case 34: response.messages.push(new QueueMessageView(reader, reader.span())); break;
      case 40: offset(); break;
      // Many in one field, as this version of protobuf writes them.
      case 42: {
        const stop = reader.span();
        while (reader.at < stop) offset();
        // Throws when the last number reaches past the end.
        reader.key(stop);
        break;
      }
      case 48: response.isError = reader.uint64() !== 0n; break;
      case 58: response.error = reader.text(); break;
      case 64: response.transactionComplete = reader.uint64() !== 0n; break;
      case 74: metadata ||= reader.at; reader.skip(key); break;
      default: reader.skip(key);
    }
  }
  response.metadata = tagsOf(reader, metadata, end, 74);
  reader.at = end;
  return response;
}

/** A queue message as it came: a view that keeps its chunk in memory. */
export class QueueMessageView {
  readonly #end: number;
  #reader: ViewReader;
  #id: Lazy<string> = 0;
  #clientId: Lazy<string> = 0;
  #channel: Lazy<string> = 0;
  #metadata: Lazy<string> = 0;
  #body: Lazy<Uint8Array> = 0;
  #tags: Lazy<Tags> = 0;
  #attributes: Lazy<QueueMessageAttributes> = 0;
  #policy: Lazy<QueueMessagePolicy> = 0;
  #topic: Lazy<string> = 0;
  #partition = 0;
  #partitionKey: Lazy<string> = 0;

  /** @param end Where the message ends that `reader` is at the beginning of. */
  constructor(reader: ViewReader, end: number) {
    this.#reader = reader;
    this.#end = end;
    for (let key = reader.key(end); key !== 0; key = reader.key(end)) {
      const { at } = reader;
      if (key === 80) this.#partition = reader.uint32() | 0;
      else reader.skip(key);
      switch (key) {
        case 10: this.#id = at; break;
        case 18: this.#clientId = at; break;
        case 26: this.#channel = at; break;
        case 34: this.#metadata = at; break;
        case 42: this.#body = at; break;
        case 50: this.#tags ||= at; break;
        case 58: this.#attributes ||= at; break;
        case 66: this.#policy ||= at; break;
        case 74: this.#topic = at; break;
        case 90: this.#partitionKey = at; break;
      }
    }
  }

  /** Made by the sender, or by the broker. */
  get id(): string {
    return (this.#id = textOf(this.#reader, this.#id));
  }

  /** The sender. */
  get clientId(): string {
    return (this.#clientId = textOf(this.#reader, this.#clientId));
  }

  /** The queue. */
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

  /** The sender's; empty when there are none. */
  get tags(): Tags {
    if (typeof this.#tags === "number") this.#tags = tagsOf(this.#reader, this.#tags, this.#end, 50);
    return this.#tags;
  }

  /** What the broker says of it; `undefined` where it says nothing. */
  get attributes(): QueueMessageAttributes | undefined {
    if (this.#attributes === 0) return undefined;
    if (typeof this.#attributes === "number") this.#attributes = attributesOf(this.#reader, this.#attributes, this.#end);
    return this.#attributes;
  }

  /** How its sender wants it to be treated; `undefined` where it says nothing. */
  get policy(): QueueMessagePolicy | undefined {
    if (this.#policy === 0) return undefined;
    if (typeof this.#policy === "number") this.#policy = policyOf(this.#reader, this.#policy, this.#end);
    return this.#policy;
  }

  /** Of newer brokers; empty elsewhere. */
  get topic(): string {
    return (this.#topic = textOf(this.#reader, this.#topic));
  }

  /** Of newer brokers; 0 elsewhere. */
  get partition(): number {
    return this.#partition;
  }

  /** Of newer brokers; empty elsewhere. */
  get partitionKey(): string {
    return (this.#partitionKey = textOf(this.#reader, this.#partitionKey));
  }

  /** A plain copy with bytes of its own: to spread, compare, clone and keep. */
  toObject(): QueueMessageObject {
    const { id, clientId, channel, metadata, body, tags, attributes, policy, topic, partition, partitionKey } = this;
    return {
      id, clientId, channel, metadata, body: new Uint8Array(body), tags: copyOf(tags),
      attributes: attributes && { ...attributes }, policy: policy && { ...policy }, topic, partition, partitionKey,
    };
  }

  /** Copies the bytes, so that nothing of the response stays in memory. @returns The same message. */
  detach(): this {
    this.#body = this.toObject().body;
    // Nothing is left to decode.
    this.#reader = undefined as unknown as ViewReader;
    return this;
  }

  /** For `JSON.stringify`: numbers of 64 bits as decimal strings, bytes as base64. */
  toJSON(): unknown {
    const { attributes, body, ...message } = this.toObject();
    const { timestamp, sequence, expirationAt, delayedTo } = attributes ?? {};
    const numbers = { timestamp: timestamp?.toString(), sequence: sequence?.toString(), expirationAt: expirationAt?.toString(), delayedTo: delayedTo?.toString() };
    return { ...message, body: toBase64(body), attributes: attributes && { ...attributes, ...numbers } };
  }

  [inspect](): unknown {
    return this.toObject();
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function attributesOf(reader: ViewReader, first: number, end: number): QueueMessageAttributes {
  const attributes: Writable<QueueMessageAttributes> = {
    timestamp: 0n, sequence: 0n, md5OfBody: "", receiveCount: 0, reRouted: false, reRoutedFromQueue: "", expirationAt: 0n, delayedTo: 0n,
  };
  const int64 = (): bigint => BigInt.asIntN(64, reader.uint64());
  eachOf(reader, first, end, 58, () => {
    const stop = reader.span();
    for (let key = reader.key(stop); key !== 0; key = reader.key(stop)) {
      switch (key) {
        case 8: attributes.timestamp = int64(); break;
        case 16: attributes.sequence = reader.uint64(); break;
        case 26: attributes.md5OfBody = reader.text(); break;
        case 32: attributes.receiveCount = reader.uint32() | 0; break;
        case 40: attributes.reRouted = reader.uint64() !== 0n; break;
        case 50: attributes.reRoutedFromQueue = reader.text(); break;
        case 56: attributes.expirationAt = int64(); break;
        case 64: attributes.delayedTo = int64(); break;
        default: reader.skip(key);
      }
    }
  });
  return attributes;
}

function policyOf(reader: ViewReader, first: number, end: number): QueueMessagePolicy {
  const policy: Writable<QueueMessagePolicy> = { expirationSeconds: 0, delaySeconds: 0, maxReceiveCount: 0, maxReceiveQueue: "" };
  eachOf(reader, first, end, 66, () => {
    const stop = reader.span();
    for (let key = reader.key(stop); key !== 0; key = reader.key(stop)) {
      switch (key) {
        case 8: policy.expirationSeconds = reader.uint32() | 0; break;
        case 16: policy.delaySeconds = reader.uint32() | 0; break;
        case 24: policy.maxReceiveCount = reader.uint32() | 0; break;
        case 34: policy.maxReceiveQueue = reader.text(); break;
        default: reader.skip(key);
      }
    }
  });
  return policy;
}
