import { inspect } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadResponseSchema } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { readBatches } from "millrace/internal/umadb/views";
import { encodeEnvelope, encodeEnvelopes } from "millrace/internal/wire/frames";
import type { PayloadCodec, ReceivedEvent, SequencedEvent } from "millrace/umadb";
import { describe, expect, it } from "vitest";

const event = { eventType: "moved", tags: ["cart-7", "grüße"], data: Uint8Array.of(1, 2, 3), uuid: "0b1c", metadata: [{ key: "__proto__", value: "v" }] };
const plain: SequencedEvent = {
  position: 7n,
  event: { type: "moved", tags: ["cart-7", "grüße"], data: Uint8Array.of(1, 2, 3), uuid: "0b1c", metadata: Object.assign(Object.create(null), JSON.parse('{"a":"b"}')) as Record<string, string> },
  trackingInfo: { source: "orders", position: 5n },
};

function chunkOf(...events: object[]): Uint8Array {
  return encodeEnvelope(toBinary(ReadResponseSchema, create(ReadResponseSchema, { events } as never)));
}

function viewOf(given: object = event, chunk = chunkOf({ position: 7n, event: { ...event, metadata: [{ key: "a", value: "b" }], ...given }, trackingInfo: plain.trackingInfo })): ReceivedEvent {
  return readBatches<Uint8Array>(chunk, undefined)[0]?.events[0] as ReceivedEvent;
}

describe("an event that was received", () => {
  it("decodes each field once, and gives the same value from then on", () => {
    const { event: view } = viewOf({});
    expect(view.tags).toBe(view.tags);
    expect(view.data).toBe(view.data);
    expect(view.metadata).toBe(view.metadata);
  });

  it("gives its data as a view of what came, and as bytes of its own once it is detached", () => {
    const chunk = chunkOf({ position: 7n, event });
    const view = viewOf({}, chunk);
    expect(view.event.data.buffer).toBe(chunk.buffer);
    expect(view.detach()).toBe(view);
    expect(view.event.data.buffer.byteLength).toBe(3);
    chunk.fill(0xff);
    expect(view.toObject()).toEqual({ ...plain, event: { ...plain.event, metadata: expect.anything() as never }, trackingInfo: undefined });
  });

  it("holds nothing of its chunk once it is detached, whatever was decoded before", async () => {
    const kept = [viewOf({}), viewOf({}), viewOf({}, chunkOf({ position: 1n }))];
    void kept[1]?.event.tags;
    for (const view of kept) view.detach();
    expect(kept.map((view) => view.event.type)).toEqual(["moved", "moved", ""]);
    expect(kept.map((view) => view.event.tags.length)).toEqual([2, 2, 0]);
    expect(JSON.stringify(kept[0])).toBe(JSON.stringify(viewOf({})));
  });

  it("is a plain object of its own as `toObject()`, in `console.log` and, with bytes as base64, in JSON", () => {
    const view = viewOf({});
    expect(view.toObject()).toEqual(plain);
    expect(view.toObject()).toEqual(structuredClone(view.toObject()));
    expect(view.toObject().event.data.buffer.byteLength).toBe(3);
    expect(inspect(view)).toBe(inspect(plain));
    expect(inspect(view.event)).toBe(inspect(plain.event));
    const json = { position: "7", event: { ...plain.event, data: "AQID" }, trackingInfo: { source: "orders", position: "5" } };
    expect(JSON.parse(JSON.stringify(view))).toEqual(JSON.parse(JSON.stringify(json)));
    expect(JSON.parse(JSON.stringify(view.event))).toEqual(JSON.parse(JSON.stringify(json.event)));
  });

  it("leaves out what is not stored", () => {
    const view = viewOf({}, chunkOf({ position: 2n ** 64n - 1n, event: { ...event, uuid: "", metadata: [] } }));
    expect(Object.keys(view.toObject())).toEqual(["position", "event"]);
    expect(Object.keys(view.toObject().event)).toEqual(["type", "tags", "data", "metadata"]);
    expect(view.position).toBe(2n ** 64n - 1n);
    expect(view.event.uuid).toBeUndefined();
  });

  it.each(["", "ü", "\uFEFFmark", "x".repeat(127), "x".repeat(129), `${"x".repeat(60)}é`, "🎈".repeat(40), "abcdefghijklmnopq"])("keeps the text %j as it is", (text) => {
    expect(viewOf({ eventType: text, tags: [text, text] }).toObject().event).toMatchObject({ type: text, tags: [text, text] });
  });

  it("refuses a text that is not UTF-8 when it is asked for it, with `protocol`, each time; other fields are there", () => {
    const chunk = chunkOf({ position: 7n, event });
    const at = chunk.indexOf(0x6d, 0);
    expect(chunk[at + 1]).toBe(0x6f);
    for (const wrong of [0xff, 0x80, 0xc3]) {
      const broken = Uint8Array.from(chunk);
      broken[at] = wrong;
      const { event: view } = viewOf({}, broken);
      for (let n = 0; n < 2; n++) expect(() => view.type).toThrow(expect.objectContaining({ code: "protocol", system: "umadb", applied: "no" }));
      expect(view.tags).toEqual(event.tags);
    }
  });

  it("comes of a chunk as a whole: what is wrong in its last message is known before its first event is handed out", () => {
    const good = toBinary(ReadResponseSchema, create(ReadResponseSchema, { events: [{ position: 1n, event }] }));
    expect(() => readBatches(encodeEnvelopes([good, good.subarray(0, -1)]), undefined)).toThrow(expect.objectContaining({ code: "protocol" }));
    expect(readBatches(encodeEnvelopes([good, good, new Uint8Array(0)]), undefined).map(({ events }) => events.length)).toEqual([1, 1, 0]);
  });

  it("is decoded by a codec when it is asked for its type or data, once", () => {
    let calls = 0;
    const codec: PayloadCodec<number> = {
      encode: () => { throw new Error("nothing is encoded"); },
      decode({ type, data }) {
        calls++;
        return { type: type.toUpperCase(), data: data.length };
      },
    };
    const [batch] = readBatches(chunkOf({ position: 7n, event }), codec);
    const view = batch?.events[0] as ReceivedEvent<number>;
    expect([view.position, view.event.tags, calls]).toEqual([7n, event.tags, 0]);
    expect([view.event.data, view.event.type, view.detach().event.data, calls]).toEqual([3, "MOVED", 3, 1]);
  });

  it("is of the base class also when the chunk is a Buffer", () => {
    const view = viewOf({}, Buffer.from(chunkOf({ position: 7n, event })));
    expect(view.event.data.constructor).toBe(Uint8Array);
  });
});
