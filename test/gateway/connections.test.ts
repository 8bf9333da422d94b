import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { answer, grpcHeaders, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";
import { callOnce, openCall } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const SUBSCRIBE = "/umadb.v1.DCB/Subscribe";

describe("gateway: the connections of HTTP/1.1", () => {
  let upstream: FakeServer;
  let served: ServedGateway;
  beforeAll(async () => {
    upstream = await startFakeServer(({ stream, headers }) => {
      if (headers[":path"] === SUBSCRIBE) stream.respond(grpcHeaders);
      else answer(stream, encodeEnvelope(new Uint8Array([8, 3])));
    });
    served = await serveGateway({ upstreams: { umadb: { url: upstream.url } }, allowAll: true });
  });
  afterAll(async () => {
    await served.close();
    await upstream.close();
  });

  it("says that a subscription is the last on its connection, so that no browser drains it for the next call", async () => {
    const call = openCall(served.url, SUBSCRIBE, { headers: { connection: "keep-alive" } });
    call.end(encodeEnvelope(new Uint8Array(0)));
    const response = await call.response;
    expect(response.headers.connection).toBe("close");
    call.abort();
  });

  it("keeps the connection of a call that ends", async () => {
    const { response } = await callOnce(served.url, "/umadb.v1.DCB/Head", new Uint8Array(0), { headers: { connection: "keep-alive" } });
    expect(response.headers.connection).toBe("keep-alive");
  });
});
