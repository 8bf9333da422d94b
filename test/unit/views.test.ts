import { isDeepStrictEqual } from "node:util";
import { fromBinary, toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { isMillraceError } from "millrace";
import type { RecordedEvent } from "millrace/internal/eventstoredb/types";
import { readMessages } from "millrace/internal/eventstoredb/views";
import type { UUID } from "millrace/internal/gen/es/event_store/client/shared_pb";
import { ReadRespSchema, type ReadResp, type ReadResp_ReadEvent_RecordedEvent as WireRecorded } from "millrace/internal/gen/es/event_store/client/streams/streams_pb";
import { EventReceiveSchema, QueuesDownstreamResponseSchema, type EventReceive, type QueuesDownstreamResponse } from "millrace/internal/gen/es/kubemq/kubemq_pb";
import { ReadResponseSchema, type ReadResponse } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { readDownstream } from "millrace/internal/kubemq/queue-views";
import { readEvents } from "millrace/internal/kubemq/views";
import { readBatches } from "millrace/internal/umadb/views";
import { encodeEnvelopes } from "millrace/internal/wire/frames";
import { describe, expect, it } from "vitest";
import { randomFrom, randomMessage, type Random } from "../support/random-message.js";
import { rewritten } from "../support/rewritten-message.js";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** Messages of each type that are compared; 100 000 for a long run. */
const MESSAGES = Number(process.env["MILLRACE_VIEW_MESSAGES"] ?? 1_500);

/** A busy machine may need a multiple of the seconds that this takes. */
const PATIENT_MS = 120_000 + MESSAGES * 2;

/** One hot message: what our view gives for a chunk, and the same of protobuf-es's message. */
interface Subject {
  readonly name: string;
  readonly desc: DescMessage;
  /** Every field of every message in a chunk, as plain data. */
  readonly viewed: (chunk: Uint8Array) => unknown[];
  /** The same, from the generated codec. */
  readonly generated: (message: Message) => unknown;
}

const subjects: Subject[] = [
  { name: "UmaDB's ReadResponse", desc: ReadResponseSchema, viewed: viewedUmaDb, generated: (message) => plainUmaDb(message as ReadResponse) },
  { name: "EventStoreDB's ReadResp", desc: ReadRespSchema, viewed: (chunk) => readMessages(chunk).map(viewedStream), generated: (message) => plainStream(message as ReadResp) },
  { name: "KubeMQ's EventReceive", desc: EventReceiveSchema, viewed: (chunk) => readEvents(chunk).map((event) => event.toObject()), generated: (message) => plainEvent(message as EventReceive) },
  { name: "KubeMQ's QueuesDownstreamResponse", desc: QueuesDownstreamResponseSchema, viewed: viewedDownstream, generated: (message) => plainDownstream(message as QueuesDownstreamResponse) },
];

describe.each(subjects)("a view of $name", (subject) => {
  const { desc, viewed } = subject;
  const samples = (name: string): Random => randomFrom(seed, `${desc.typeName} ${name}`);
  const sample = (random: Random, seen = new Set<string>()): Uint8Array => toBinary(desc, withNames(randomMessage(desc, random, seen), random));

  it("gives what the generated codec gives, however the message was written, many in a chunk", () => {
    const random = samples("values");
    const seen = new Set<string>();
    for (let n = 0; n < MESSAGES; n += 10) {
      const written = Array.from({ length: 10 }, () => {
        const bytes = sample(random, seen);
        return random.chance(0.7) ? rewritten(desc, bytes, random) : bytes;
      });
      const expected = written.map((bytes) => subject.generated(fromBinary(desc, bytes))).filter((one) => one !== undefined);
      const actual = viewed(inLargerBuffer(encodeEnvelopes(written)));
      if (!isDeepStrictEqual(actual, expected)) expect(actual, `messages from ${n} of seed ${seed}`).toEqual(expected);
    }
    expect(seen.size).toBeGreaterThanOrEqual(desc.fields.length);
  }, PATIENT_MS);

  it("refuses a message that is cut, at every byte, wherever the generated codec does, and reads nothing past its end", () => {
    const random = samples("cuts");
    let refused = 0;
    // Short messages have few places to be cut at: as many are drawn as it takes.
    for (let n = 0; n < 20 || (refused <= 500 && n < 1_000); n++) {
      const whole = rewritten(desc, sample(random), random);
      for (let length = Math.max(0, whole.length - 600); length < whole.length; length++) refused += agree(subject, whole.subarray(0, length)) ? 0 : 1;
    }
    expect(refused).toBeGreaterThan(500);
  }, PATIENT_MS);

  it("takes bytes that were changed, or refuses them with our error, and never throws anything else", () => {
    const random = samples("changes");
    for (let n = 0; n < MESSAGES / 3; n++) {
      const bytes = rewritten(desc, sample(random), random);
      if (bytes.length === 0) continue;
      const at = random.int(bytes.length);
      bytes[at] = random.pick([0, 0x7f, 0x80, 0xff, random.int(256)]);
      viewedOrRefused(subject, bytes);
    }
  }, PATIENT_MS);

  it("refuses a chunk that is not whole data envelopes", () => {
    const chunk = encodeEnvelopes([new Uint8Array(7)]);
    for (const wrong of [chunk.subarray(0, 4), chunk.subarray(0, 11), Uint8Array.from([1, ...chunk.subarray(1)]), Uint8Array.from([...chunk, 0])]) {
      expect(() => viewed(wrong)).toThrow(expect.objectContaining({ code: "protocol" }));
    }
    expect(viewed(new Uint8Array(0))).toEqual([]);
  });
});

/** Names of streams are bytes on the wire; these are texts, as in every store. */
function withNames(message: Message, random: Random): Message {
  for (const value of Object.values(message) as unknown[]) {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) continue;
    if ("streamName" in value) value.streamName = new TextEncoder().encode(random.pick(["orders", "grüße-1", "", "\uFEFFmark"]));
    else withNames(value as Message, random);
  }
  return message;
}

/** The bytes as a part of a buffer whose rest would be taken for more fields. */
function inLargerBuffer(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 64).fill(0x0a);
  buffer.set(bytes, 32);
  return buffer.subarray(32, 32 + bytes.length);
}

/** What the view gives, or `undefined` when it refuses with our error; anything else fails. */
function viewedOrRefused({ viewed, name }: Subject, bytes: Uint8Array): unknown[] | undefined {
  try {
    return viewed(inLargerBuffer(encodeEnvelopes([bytes])));
  } catch (error) {
    if (!isMillraceError(error, "protocol")) expect(error, `${name}, seed ${seed}: ${Buffer.from(bytes).toString("base64")}`).toBeUndefined();
    return undefined;
  }
}

/** Whether both take the bytes, for the same; when the generated codec refuses them, the view has to. */
function agree(subject: Subject, bytes: Uint8Array): boolean {
  const actual = viewedOrRefused(subject, bytes);
  const where = `${subject.name}, seed ${seed}: ${Buffer.from(bytes).toString("base64")}`;
  let message: Message;
  try {
    message = fromBinary(subject.desc, bytes);
  } catch {
    if (actual !== undefined) expect(actual, where).toBeUndefined();
    return false;
  }
  if (actual === undefined) return false;
  const expected = [subject.generated(message)].filter((one) => one !== undefined);
  if (!isDeepStrictEqual(actual, expected)) expect(actual, where).toEqual(expected);
  return true;
}

function nullPrototype(entries: Iterable<readonly [string, string]>): Record<string, string> {
  const object = Object.create(null) as Record<string, string>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}

function viewedUmaDb(chunk: Uint8Array): unknown[] {
  return readBatches(chunk, undefined).map(({ events, head }) => ({ events: events.map((event) => event.toObject()), head }));
}

function plainUmaDb({ events, head }: ReadResponse): unknown {
  return {
    events: events.map(({ position, event, trackingInfo }) => ({
      position,
      event: {
        type: event?.eventType ?? "", tags: event?.tags ?? [], data: event?.data ?? new Uint8Array(0),
        ...(event?.uuid ? { uuid: event.uuid } : {}),
        metadata: nullPrototype((event?.metadata ?? []).map(({ key, value }) => [key, value] as const)),
      },
      ...(trackingInfo && { trackingInfo: { source: trackingInfo.source, position: trackingInfo.position } }),
    })),
    head,
  };
}

function viewedStream(message: ReturnType<typeof readMessages>[number]): unknown {
  return message.kind === "event" ? { kind: "event", ticks: message.createdTicks, ...withoutDates(message.toObject()) } : message;
}

function withoutDates({ created, link, ...event }: RecordedEvent<unknown>): object {
  return { ...event, created: created.getTime(), ...(link && { link: withoutDates(link) }) };
}

function plainStream({ content }: ReadResp): unknown {
  switch (content.case) {
    case "event": {
      const { event, link, position } = content.value;
      const commit = position.case === "commitPosition" ? { commitPosition: position.value } : {};
      const linked = link && plainRecorded(link, commit);
      if (event === undefined) return linked && { kind: "event", ticks: link?.metadata["created"] ?? "", ...linked };
      return { kind: "event", ticks: event.metadata["created"] ?? "", ...plainRecorded(event, commit), ...(linked && { link: linked }) };
    }
    case "confirmation": return { kind: "confirmation", subscriptionId: content.value.subscriptionId };
    case "checkpoint": return { kind: "checkpoint", position: placeOf(content.value), time: dateOf(content.value.timestamp) };
    case "streamNotFound": return { kind: "stream-not-found", stream: nameOf(content.value.streamIdentifier) };
    case "firstStreamPosition": return { kind: "first-stream-position", revision: content.value };
    case "lastStreamPosition": return { kind: "last-stream-position", revision: content.value };
    case "lastAllStreamPosition": return { kind: "last-all-position", position: placeOf(content.value) };
    case "caughtUp": case "fellBehind": {
      const { timestamp, streamRevision, position } = content.value;
      return { kind: content.case === "caughtUp" ? "caught-up" : "fell-behind", time: dateOf(timestamp), revision: streamRevision, position: position && placeOf(position) };
    }
    default: return undefined;
  }
}

function plainRecorded(wire: WireRecorded, commit: object): object {
  const { metadata, streamIdentifier, streamRevision, preparePosition, commitPosition, customMetadata, data, id } = wire;
  return {
    id: uuidOf(id), type: metadata["type"] ?? "", contentType: metadata["content-type"] ?? "", data, metadata: customMetadata,
    stream: nameOf(streamIdentifier), revision: streamRevision, position: { commit: commitPosition, prepare: preparePosition },
    created: Number((metadata["created"] ?? "").slice(0, -4)), ...commit,
  };
}

function uuidOf(id: UUID | undefined): string {
  const value = id?.value;
  if (value?.case !== "structured") return value?.value ?? "";
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(value.value.mostSignificantBits);
  bytes.writeBigInt64BE(value.value.leastSignificantBits, 8);
  return [[0, 4], [4, 6], [6, 8], [8, 10], [10, 16]].map(([from, to]) => bytes.toString("hex", from, to)).join("-");
}

function nameOf(identifier: { streamName: Uint8Array } | undefined): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(identifier?.streamName);
}

function placeOf({ commitPosition, preparePosition }: { commitPosition: bigint; preparePosition: bigint }): object {
  return { commit: commitPosition, prepare: preparePosition };
}

function dateOf(time: { seconds: bigint; nanos: number } | undefined): Date | undefined {
  return time && new Date(Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1_000_000));
}

function plainEvent({ EventID, Channel, Metadata, Body, Timestamp, Sequence, Tags }: EventReceive): unknown {
  return { id: EventID, channel: Channel, metadata: Metadata, body: Body, timestamp: Timestamp, sequence: Sequence, tags: nullPrototype(Object.entries(Tags)) };
}

function viewedDownstream(chunk: Uint8Array): unknown[] {
  return readDownstream(chunk).map((response) => ({ ...response, messages: response.messages.map((message) => message.toObject()) }));
}

function plainDownstream(response: QueuesDownstreamResponse): unknown {
  return {
    transactionId: response.TransactionId, refRequestId: response.RefRequestId, requestType: response.RequestTypeData,
    messages: response.Messages.map(({ Attributes: attributes, Policy: policy, ...message }) => ({
      id: message.MessageID, clientId: message.ClientID, channel: message.Channel, metadata: message.Metadata, body: message.Body,
      tags: nullPrototype(Object.entries(message.Tags)),
      attributes: attributes && {
        timestamp: attributes.Timestamp, sequence: attributes.Sequence, md5OfBody: attributes.MD5OfBody, receiveCount: attributes.ReceiveCount,
        reRouted: attributes.ReRouted, reRoutedFromQueue: attributes.ReRoutedFromQueue, expirationAt: attributes.ExpirationAt, delayedTo: attributes.DelayedTo,
      },
      policy: policy && {
        expirationSeconds: policy.ExpirationSeconds, delaySeconds: policy.DelaySeconds, maxReceiveCount: policy.MaxReceiveCount, maxReceiveQueue: policy.MaxReceiveQueue,
      },
      topic: message.Topic, partition: message.Partition, partitionKey: message.PartitionKey,
    })),
    activeOffsets: response.ActiveOffsets, isError: response.IsError, error: response.Error, transactionComplete: response.TransactionComplete,
    metadata: nullPrototype(Object.entries(response.Metadata)),
  };
}
