import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppendRequest, AppendResponse, ErrorResponse, ErrorResponse_ErrorType, HeadRequest, HeadResponse, ReadRequest, ReadResponse, SubscribeRequest, type Event } from "millrace/internal/gen/static/umadb/v1/umadb";
import { Status } from "millrace/internal/gen/static/google/rpc/status";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";
import { callOnce, openCall, parseBody } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const DCB = "/umadb.v1.DCB/";

function event(tag: string, data: Uint8Array = new Uint8Array(4)): Event {
  return { eventType: "tested", tags: [tag], data, uuid: crypto.randomUUID(), metadata: [] };
}

describe("gateway: UmaDB", () => {
  let umadb: UmaDbServer;
  let served: ServedGateway;
  beforeAll(async () => {
    umadb = await startUmaDb();
    served = await serveGateway({ upstreams: { umadb: { url: umadb.url } } });
  }, 60_000);
  afterAll(async () => {
    await served?.close();
    await umadb?.close();
  });

  const append = (request: Partial<AppendRequest>) =>
    callOnce(served.url, `${DCB}Append`, AppendRequest.encode({ events: [], condition: undefined, trackingInfo: undefined, ...request }).finish());

  it("appends, reads back and tells the head", async () => {
    const appended = await append({ events: [event("round-trip"), event("round-trip")] });
    expect(appended.trailers?.get("grpc-status")).toBe("0");
    const { position } = AppendResponse.decode(appended.messages[0] as Buffer);
    const read = await callOnce(served.url, `${DCB}Read`, ReadRequest.encode({ query: { items: [{ types: [], tags: ["round-trip"] }] } }).finish());
    const events = read.messages.flatMap((message) => ReadResponse.decode(message).events);
    expect(events.map((each) => each.position)).toEqual([position - 1n, position]);
    const head = await callOnce(served.url, `${DCB}Head`, HeadRequest.encode({}).finish());
    expect(HeadResponse.decode(head.messages[0] as Buffer).position).toBe(position);
  });

  it("answers a conflict with details that every gRPC client can read, without the stored event", async () => {
    const secret = new TextEncoder().encode("stored by somebody else");
    await append({ events: [event("conflict", secret)] });
    const condition = { failIfEventsMatch: { items: [{ types: [], tags: ["conflict"] }] }, after: undefined };
    const refused = await append({ events: [event("conflict")], condition });
    expect(refused.trailers?.get("grpc-status")).toBe("9");
    const details = Status.decode(Buffer.from(refused.trailers?.get("grpc-status-details-bin") ?? "", "base64"));
    expect(details.code).toBe(9);
    expect(details.details.map((any) => any.typeUrl)).toEqual(["type.googleapis.com/umadb.v1.ErrorResponse"]);
    const error = ErrorResponse.decode(details.details[0]?.value ?? new Uint8Array());
    expect(error.errorType).toBe(ErrorResponse_ErrorType.INTEGRITY);
    expect(error.message).toMatch(/^integrity error: condition failed: /);
    for (const text of [error.message, details.message, decodeURIComponent(refused.trailers?.get("grpc-message") ?? "")]) {
      expect(text).not.toContain("matched:");
      expect(text).not.toContain(secret.join(", "));
      expect(text.length).toBeLessThanOrEqual(1_024);
    }
  });

  it("keeps the text of a tracking conflict", async () => {
    const trackingInfo = { source: "elsewhere", position: 5n };
    await append({ events: [event("tracking")], trackingInfo });
    const refused = await append({ events: [event("tracking")], trackingInfo });
    expect(refused.trailers?.get("grpc-status")).toBe("9");
    expect(decodeURIComponent(refused.trailers?.get("grpc-message") ?? "")).toContain("non-increasing tracking position for source");
  });

  it("refuses an append without events before the server sees it", async () => {
    await append({ events: [event("empty")] });
    const condition = { failIfEventsMatch: undefined, after: undefined };
    const refused = await append({ events: [], condition });
    expect(refused.trailers?.get("grpc-status")).toBe("3");
    expect(refused.trailers?.get("millrace-applied")).toBe("no");
    const head = await callOnce(served.url, `${DCB}Head`, new Uint8Array(0));
    expect(head.trailers?.get("grpc-status")).toBe("0");
  });

  it("refuses `after` 2^64 - 1 and passes 2^64 - 2", async () => {
    const at = (after: bigint) => append({ events: [event("after")], condition: { failIfEventsMatch: undefined, after } });
    expect((await at(2n ** 64n - 1n)).trailers?.get("grpc-status")).toBe("3");
    expect((await at(2n ** 64n - 2n)).trailers?.get("grpc-status")).toBe("0");
  });

  it("sends response headers and heartbeats on a quiet subscription that asks for them", async () => {
    const call = openCall(served.url, `${DCB}Subscribe`, { headers: { "millrace-heartbeat-ms": "1", origin: "http://localhost:5173" } });
    call.end(encodeEnvelope(SubscribeRequest.encode({ query: { items: [{ types: ["never"], tags: [] }] } }).finish()));
    const response = await call.response;
    expect(response.headers["millrace-heartbeat-ms"]).toBe("1000");
    expect(response.headers["access-control-expose-headers"]).toContain("millrace-heartbeat-ms");
    const beats: Buffer[] = [];
    await new Promise<void>((resolve) => response.on("data", (bytes: Buffer) => {
      if (beats.push(bytes) === 2) resolve();
    }));
    expect(parseBody(Buffer.concat(beats))).toMatchObject({ heartbeats: 2, messages: [], cut: false });
    call.abort();
  });

  it("tells that it is alive, and whether UmaDB serves", async () => {
    expect((await fetch(`${served.url}/health`)).status).toBe(200);
    expect((await fetch(`${served.url}/ready`)).status).toBe(200);
  });
});
