import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { EventStoreDb, jsonEvent } from "millrace/eventstoredb";
import { eventStoreDbCarrier } from "millrace/eventstoredb/http2";
import { AppendResp, ReadReq, ReadResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { answer, grpcHeaders, type FakeCall } from "../support/fake-grpc-server.js";
import { FakeCluster, type FakeNode } from "../support/fake-cluster.js";
import { makeCertificate } from "../support/certificate.js";

const FAST = "tls=false&discoveryInterval=10";
const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** What the leader does: takes appends, confirms subscriptions; its number is the revision in each answer. */
function lead(call: FakeCall, node: number): void {
  const position = { commitPosition: 1n, preparePosition: 1n };
  if (call.headers[":path"] === eventstoredbMethods.append.path) {
    const success = { currentRevisionOption: { $case: "currentRevision" as const, value: BigInt(node) }, positionOption: { $case: "position" as const, value: position } };
    return answer(call.stream, encodeEnvelope(AppendResp.encode({ result: { $case: "success", value: success } }).finish()));
  }
  const message = (content: ReadResp["content"]): Uint8Array => encodeEnvelope(ReadResp.encode({ content }).finish());
  const event = message({ $case: "event", value: {
    event: {
      id: { value: { $case: "string" as const, value: `7f0e5b0e-0000-4000-8000-00000000000${node}` } }, streamIdentifier: { streamName: new TextEncoder().encode("s") },
      streamRevision: BigInt(node), ...position, metadata: new Map([["type", "t"], ["content-type", "application/json"], ["created", "0"]]), customMetadata: new Uint8Array(), data: new Uint8Array(),
    },
    link: undefined, position: { $case: "commitPosition", value: 1n },
  } });
  call.stream.once("data", (request: Uint8Array) => {
    const { options } = ReadReq.decode(request.subarray(5));
    if (options?.countOption?.$case === "count") return answer(call.stream, event);
    call.stream.respond(grpcHeaders, { waitForTrailers: true });
    call.stream.write(message({ $case: "confirmation", value: { subscriptionId: "s" } }));
    call.stream.write(event);
  });
}

async function cluster(count: number, tls?: { cert: string; key: string }): Promise<FakeCluster> {
  const started = await new FakeCluster(lead, tls).start(count);
  open.push(() => started.close());
  return started;
}

function client(connectionString: string, options: Parameters<typeof eventStoreDbCarrier>[1] = {}): EventStoreDb {
  const carrier = eventStoreDbCarrier(connectionString, options);
  const db = new EventStoreDb({ carrier, retry: false });
  open.push(() => carrier.close(), () => db.close());
  return db;
}

const node = ({ nodes }: FakeCluster, at: number): FakeNode => nodes[at] as FakeNode;
const append = (db: EventStoreDb, requiresLeader?: boolean) => db.append("s", [jsonEvent({ type: "t", data: {} })], { requiresLeader });

describe("a cluster by its connection string", () => {
  it("finds the leader by gossip from any of its nodes", async () => {
    const three = await cluster(3);
    three.elect(2);
    const db = client(`esdb://${node(three, 0).address},${node(three, 1).address}?${FAST}`);
    expect((await append(db)).nextRevision).toBe(2n);
    expect(node(three, 2).asked).toHaveLength(1);
    expect(node(three, 0).asked).toHaveLength(0);
  });

  it("follows a follower's word to the leader, with the same request", async () => {
    const three = await cluster(3);
    three.elect(1);
    const db = client(`esdb://${node(three, 0).address}?${FAST}`);
    expect((await append(db, true)).nextRevision).toBe(1n);
    expect(node(three, 0).asked).toHaveLength(1);
    expect((await append(db, true)).nextRevision).toBe(1n);
    expect(node(three, 0).asked).toHaveLength(1);
  });

  it("takes a redirect to a dead node for a reason to ask again", async () => {
    const three = await cluster(3);
    three.elect(1);
    await node(three, 1).die();
    const appended = append(client(`esdb://${node(three, 0).address}?${FAST}`), true);
    await expect.poll(() => node(three, 0).asked.length).toBeGreaterThan(1);
    three.elect(2);
    expect((await appended).nextRevision).toBe(2n);
  });

  it("appends and subscribes on when the leader dies and followers still name it", async () => {
    const three = await cluster(3);
    const db = new EventStoreDb({ carrier: eventStoreDbCarrier(`esdb://${three.nodes.map(({ address }) => address).join(",")}?${FAST}&maxDiscoverAttempts=30`) });
    open.push(() => db.close());
    const events = db.subscribeToStream("s")[Symbol.asyncIterator]();
    expect((await events.next()).value?.revision).toBe(0n);
    await node(three, 0).die();
    const next = events.next();
    const appended = append(db);
    setTimeout(() => three.elect(1), 100);
    expect((await appended).nextRevision).toBe(1n);
    expect((await next).value?.revision).toBe(1n);
    await events.return?.();
  });

  it("gives up when the nodes go on naming one another", async () => {
    const two = await cluster(2);
    node(two, 0).believes = 1;
    node(two, 1).believes = 0;
    const db = client(`esdb://${node(two, 0).address}?${FAST}&maxDiscoverAttempts=2`);
    await expect(append(db, true)).rejects.toMatchObject({ code: "unavailable", applied: "no", message: expect.stringContaining("agree on no leader") as string });
    // Three hops for each of the two tries, and no more.
    expect(node(two, 0).asked.length + node(two, 1).asked.length).toBe(8);
  });

  it("follows nobody to a host that was not named", async () => {
    const two = await cluster(2);
    two.elect(1);
    two.host = "localhost";
    const db = client(`esdb://${node(two, 0).address}?${FAST}`);
    await expect(append(db, true)).rejects.toMatchObject({ code: "unavailable", applied: "no", message: expect.stringContaining("allowedNodes") as string });
    expect(node(two, 1).server.connections).toHaveLength(0);
    const seeds = client(`esdb+discover://${node(two, 0).address}?${FAST}&maxDiscoverAttempts=2`);
    await expect(append(seeds)).rejects.toMatchObject({ code: "unavailable", applied: "no" });
    expect(node(two, 1).server.connections).toHaveLength(0);
  });

  it("follows to the hosts of allowedNodes", async () => {
    const two = await cluster(2);
    two.elect(1);
    two.host = "localhost";
    const db = client(`esdb://${node(two, 0).address}?${FAST}`, { allowedNodes: [`localhost:${node(two, 1).port}`] });
    expect((await append(db, true)).nextRevision).toBe(1n);
  });

  it("over TLS follows to hosts that the node's certificate names, and sends user and password there alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-cluster-"));
    open.push(() => rm(folder, { recursive: true }));
    const { caPath, certPath, keyPath } = await makeCertificate(folder);
    const tls = { cert: await readFile(certPath, "utf8"), key: await readFile(keyPath, "utf8") };
    const ca = await readFile(caPath, "utf8");
    const two = await cluster(2, tls);
    two.elect(1);
    two.host = "localhost";
    const db = client(`esdb://me:secret@${node(two, 0).address}?discoveryInterval=10`, { ca });
    expect((await append(db, true)).nextRevision).toBe(1n);
    expect(node(two, 1).asked[0]?.headers["authorization"]).toBe(`Basic ${btoa("me:secret")}`);
    two.host = "elsewhere.example";
    const other = client(`esdb://me:secret@${node(two, 0).address}?discoveryInterval=10`, { ca });
    await expect(append(other, true)).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("allowedNodes") as string });
  });

  it("never sends user and password without TLS", async () => {
    const one = await cluster(1);
    await append(client(`esdb://me:secret@${node(one, 0).address}?tls=false`));
    expect(node(one, 0).asked[0]?.headers["authorization"]).toBeUndefined();
  });

  it("fails at once when its only node is not there", async () => {
    const one = await cluster(1);
    await node(one, 0).die();
    await expect(append(client(`esdb://${node(one, 0).address}?tls=false`))).rejects.toMatchObject({ code: "unavailable", applied: "no" });
  });

  it("closes while it looks for a leader", async () => {
    const three = await cluster(2);
    await Promise.all(three.nodes.map((each) => each.die()));
    const db = client(`esdb://${node(three, 0).address},${node(three, 1).address}?tls=false&discoveryInterval=60000`);
    const appended = append(db);
    await db.close();
    await expect(appended).rejects.toMatchObject({ code: "unavailable" });
  });
});
