import { CreateReq } from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import { BatchAppendReq, BatchAppendResp, ReadReq } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { deferred } from "millrace/internal/core/deferred";
import { concatBytes } from "millrace/internal/core/bytes";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { BatchAppend } from "../../server/gateway/systems/eventstoredb/batch-append.js";
import { refusalOfSilence } from "../../server/gateway/systems/eventstoredb/refusals.js";
import { Upstream } from "../../src/carrier/http2/upstream.js";
import { makeCertificate } from "../support/certificate.js";
import { FakeCluster } from "../support/fake-cluster.js";
import { answer, grpcHeaders, startFakeServer, type FakeCall } from "../support/fake-grpc-server.js";
import { callOnce } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

/** Answers with no message and status 0. */
const yes = (call: FakeCall): void => answer(call.stream, new Uint8Array(0));

async function cluster(count: number, tls?: { cert: string; key: string }): Promise<FakeCluster> {
  const started = await new FakeCluster(yes, tls).start(count);
  cleanUp.push(() => started.close());
  return started;
}

async function gateway(settings: Parameters<typeof serveGateway>[0]["upstreams"]["eventstoredb"]): Promise<ServedGateway> {
  const served = await serveGateway({ upstreams: { eventstoredb: settings } });
  cleanUp.push(() => served.close());
  return served;
}

async function certificate(): Promise<{ cert: string; key: string; ca: string }> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-gateway-"));
  cleanUp.push(() => rm(folder, { recursive: true }));
  const { caPath, certPath, keyPath } = await makeCertificate(folder);
  const [ca, cert, key] = await Promise.all([caPath, certPath, keyPath].map((path) => readFile(path, "utf8")));
  return { cert: cert as string, key: key as string, ca: ca as string };
}

const asked = (of: FakeCluster, at: number): readonly FakeCall[] => of.nodes[at]?.asked ?? [];

describe("gateway: EventStoreDB's cluster", () => {
  it("finds the leader by gossip and is ready when a node tells of one that is alive", async () => {
    const three = await cluster(3);
    three.elect(2);
    const { url } = await gateway({ url: `esdb://${three.nodes[0]?.address},${three.nodes[1]?.address}?tls=false` });
    expect((await callOnce(url, eventstoredbMethods.delete.path, new Uint8Array(0))).trailers?.get("grpc-status")).toBe("0");
    expect(asked(three, 2)).toHaveLength(1);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    await Promise.all(three.nodes.map((node) => node.die()));
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 5_000 }).toBe(503);
  });

  it("follows a follower's word to the leader, for what only the leader does", async () => {
    const two = await cluster(2);
    two.elect(1);
    const { url } = await gateway({ url: `esdb://${two.nodes[0]?.address}?tls=false` });
    expect((await callOnce(url, eventstoredbMethods.persistentDelete.path, new Uint8Array(0))).trailers?.get("grpc-status")).toBe("0");
    expect([asked(two, 0).length, asked(two, 1).length]).toEqual([1, 1]);
  });

  it("sends its own user and password to the leader, and a page's to nobody but the node that it asked", async () => {
    const { ca, ...tls } = await certificate();
    const two = await cluster(2, tls);
    two.elect(1);
    const { url } = await gateway({ url: `esdb://own:secret@${two.nodes[0]?.address}`, ca, credentials: "client" });
    const path = eventstoredbMethods.persistentDelete.path;
    const refused = await callOnce(url, path, new Uint8Array(0), { headers: { "millrace-upstream-authorization": "Basic cGFnZTpw" } });
    expect(refused.trailers?.get("grpc-status")).toBe("14");
    expect(refused.trailers?.get("millrace-applied")).toBe("no");
    expect(asked(two, 0).map(({ headers }) => headers["authorization"])).toEqual(["Basic cGFnZTpw"]);
    expect(asked(two, 1)).toHaveLength(0);
    expect((await callOnce(url, path, new Uint8Array(0))).trailers?.get("grpc-status")).toBe("0");
    expect(asked(two, 1).map(({ headers }) => headers["authorization"])).toEqual([`Basic ${btoa("own:secret")}`]);
  });

  it("drops a page's credentials unless it is told to let them through", async () => {
    const one = await cluster(1);
    const { url } = await gateway({ url: `esdb://${one.nodes[0]?.address}?tls=false` });
    await callOnce(url, eventstoredbMethods.delete.path, new Uint8Array(0), { headers: { "millrace-upstream-authorization": "Basic cGFnZTpw" } });
    expect(asked(one, 0)[0]?.headers["authorization"]).toBeUndefined();
  });
});

const STREAM = { streamIdentifier: { streamName: new TextEncoder().encode("s") } };
const readOf = (options: Partial<NonNullable<ReadReq["options"]>>): Uint8Array => ReadReq.encode({ options: { ...ReadReq.decode(new Uint8Array([0x0a, 0])).options as NonNullable<ReadReq["options"]>, ...options } }).finish();
const UUIDS = { uuidOption: { content: { $case: "string" as const, value: {} } } };
const ALL = { streamOption: { $case: "all" as const, value: { allOption: { $case: "start" as const, value: {} } } } };
const createFor = (stream: string): Uint8Array => CreateReq.encode({ options: { groupName: "g", settings: undefined, streamOption: { $case: "stream", value: { streamIdentifier: { streamName: new TextEncoder().encode(stream) }, revisionOption: undefined } }, streamIdentifier: undefined } }).finish();

describe("gateway: calls that an EventStoreDB never answers", () => {
  it.each([
    ["a read without uuid_option", eventstoredbMethods.read.path, readOf({ ...ALL, countOption: { $case: "count", value: 1n } }), false],
    ["a read of nothing of $all", eventstoredbMethods.read.path, readOf({ ...ALL, ...UUIDS, countOption: { $case: "count", value: 0n } }), false],
    ["a persistent subscription to no stream", eventstoredbMethods.persistentCreate.path, createFor(""), true],
    ["users of a server without TLS", eventstoredbMethods.usersDetails.path, new Uint8Array(0), false],
  ])("are refused: %s", (_what, path, message, secure) => {
    expect(refusalOfSilence(path, message, secure)).toMatchObject({ applied: "no", message: expect.stringMatching(/never answer/) as string });
  });

  it.each([
    ["a read of $all", eventstoredbMethods.read.path, readOf({ ...ALL, ...UUIDS, countOption: { $case: "count", value: 1n } }), false],
    ["nothing of a stream, which is an error there", eventstoredbMethods.read.path, readOf({ ...UUIDS, streamOption: { $case: "stream", value: { ...STREAM, revisionOption: undefined } }, countOption: { $case: "count", value: 0n } }), false],
    ["a persistent subscription", eventstoredbMethods.persistentCreate.path, createFor("s"), false],
    ["users over TLS", eventstoredbMethods.usersDetails.path, new Uint8Array(0), true],
    ["what cannot be read", eventstoredbMethods.read.path, new Uint8Array([0xff]), false],
  ])("are no others: %s", (_what, path, message, secure) => {
    expect(refusalOfSilence(path, message, secure)).toBeUndefined();
  });

  it("never reach the server", async () => {
    const one = await cluster(1);
    const { url } = await gateway({ url: `esdb://${one.nodes[0]?.address}?tls=false` });
    const { trailers } = await callOnce(url, eventstoredbMethods.persistentCreate.path, createFor(""));
    expect(trailers?.get("grpc-status")).toBe("3");
    expect(asked(one, 0)).toHaveLength(0);
  });
});

const id = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
const uuid = (at: number) => ({ value: { $case: "string" as const, value: id(at) } });
const appendOf = (at: number): Uint8Array => encodeEnvelope(BatchAppendReq.encode({ correlationId: uuid(at), options: undefined, proposedMessages: [], isFinal: true }).finish());
const answerOf = (at: number): Uint8Array => encodeEnvelope(BatchAppendResp.encode({
  correlationId: uuid(at), streamIdentifier: undefined, expectedStreamPosition: undefined, result: { $case: "success", value: { currentRevisionOption: undefined, positionOption: undefined } },
}).finish());

/** A call to a server that takes everything and, as real ones, does not end it. */
async function batch(onAppend: (call: FakeCall, nth: number) => void, answerMs?: number) {
  const server = await startFakeServer((call) => {
    call.stream.respond(grpcHeaders, { waitForTrailers: true });
    let nth = 0;
    call.stream.on("data", () => onAppend(call, nth++));
  });
  const upstream = new Upstream({ url: server.url });
  cleanUp.push(() => server.close(), () => upstream.close());
  const ended = deferred<Record<string, unknown>>();
  let bytes = 0;
  const { path, lane, cancel } = eventstoredbMethods.batchAppend;
  const call = new BatchAppend(upstream, { path, lane, cancel, headers: {} }, {
    headers: () => undefined, writable: () => undefined, end: ended.resolve, fail: ({ error }) => ended.reject(error),
    data: (more) => { bytes += more.length; },
  }, { answerMs });
  return { call, ended: ended.promise, got: () => bytes };
}

describe("gateway: BatchAppend", () => {
  it("ends when its request has ended and each append has its answer, which no server says", async () => {
    const { call, ended, got } = await batch(({ stream }, nth) => void stream.write(answerOf(nth)));
    call.write(appendOf(0));
    await expect.poll(got).toBe(answerOf(0).length);
    call.end(appendOf(1));
    expect(await ended).toEqual({ "grpc-status": "0" });
    expect(got()).toBe(concatBytes([answerOf(0), answerOf(1)]).length);
  });

  it("ends at once when nothing was appended", async () => {
    const { call, ended } = await batch(() => undefined);
    call.end();
    expect(await ended).toEqual({ "grpc-status": "0" });
  });

  it("ends with an error that says so when an append goes without an answer", async () => {
    const { call, ended } = await batch(() => undefined, 50);
    call.end(appendOf(0));
    expect(await ended).toMatchObject({ "grpc-status": "4", "grpc-message": expect.stringContaining("1 of the call's appends") as string });
  });
});
