import { fromJson, json } from "millrace";
import { EventStoreDb } from "millrace/eventstoredb";
import { startEmbedded, type Embedded } from "millrace-server/embedded";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

describe("a codec of EventStoreDb", () => {
  let embedded: Embedded;
  beforeAll(async () => { embedded = await startEmbedded({ systems: ["eventstoredb"] }); });
  afterAll(() => embedded.close());

  it("maps type and payload both ways, and leaves links and metadata of streams to the store", async () => {
    const client = new EventStoreDb<{ n: number }>({
      carrier: embedded.carrier,
      codec: {
        encode: ({ type, data }) => ({ type: `v1.${type}`, data: json(data) }),
        decode: ({ type, data }) => ({ type: type.replace("v1.", ""), data: fromJson(data) }),
      },
    });
    await client.append("coded", [{ type: "Counted", data: { n: 7 } }]);
    const plain = new EventStoreDb({ carrier: embedded.carrier });
    await plain.append("links", [{ type: "$>", data: new TextEncoder().encode("0@coded") }]);
    const [stored] = await plain.readStream("coded").toArray();
    expect(stored).toMatchObject({ type: "v1.Counted", data: json({ n: 7 }) });
    const [read] = await client.readStream("links", { resolveLinks: true }).toArray();
    expect(read).toMatchObject({ type: "Counted", data: { n: 7 }, link: { type: "$>", data: new TextEncoder().encode("0@coded") } });
    expect(read?.detach().toObject()).toMatchObject({ type: "Counted", data: { n: 7 } });
    expect(JSON.parse(JSON.stringify(read))).toMatchObject({ type: "Counted", data: { n: 7 }, revision: "0" });
    await client.setStreamMetadata("coded", { maxCount: 3n });
    expect((await client.getStreamMetadata("coded")).metadata).toEqual({ maxCount: 3n });
    await client.close();
    await plain.close();
  });
});
