import { createRouterTransport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { fetchCarrier } from "millrace/carrier";
import { http2Carrier } from "millrace/carrier/http2";
import { connectCarrier, createTransport } from "millrace/connect";
import { afterAll, beforeAll } from "vitest";
import { echoRoutes, echoUpstream, startEchoServer, type EchoServer } from "../support/echo.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { EchoService } from "../support/proto/echo_pb.js";
import { carrierSpec } from "./carrier-spec.js";

let server: EchoServer;
let gateway: ServedGateway;

beforeAll(async () => {
  server = await startEchoServer();
  gateway = await serveGateway({ upstreams: {}, extraUpstreams: { echo: echoUpstream(server) } });
});
afterAll(async () => {
  await gateway?.close();
  await server?.close();
});

carrierSpec({ name: "fetch, through the gateway", open: () => fetchCarrier({ url: gateway.url }), requestStreams: "collected" });

carrierSpec({ name: "http2", open: () => http2Carrier({ url: server.url }), requestStreams: "all" });

carrierSpec({
  name: "connectCarrier on stock connect-node, native gRPC",
  open: () => connectCarrier(createGrpcTransport({ baseUrl: server.url }), [EchoService]),
  requestStreams: "all",
});

carrierSpec({
  name: "connectCarrier on stock connect-web, through the gateway",
  open: () => connectCarrier(createGrpcWebTransport({ baseUrl: gateway.url }), [EchoService]),
  requestStreams: "none",
  refusal: /use createGrpcTransport of @connectrpc\/connect-node/,
});

carrierSpec({
  name: "connectCarrier on a router in memory",
  open: () => {
    const transport = createRouterTransport(echoRoutes());
    return connectCarrier(transport, [EchoService]);
  },
  requestStreams: "all",
});

carrierSpec({
  name: "connectCarrier on createTransport on http2",
  open: () => connectCarrier(createTransport(http2Carrier({ url: server.url })), [EchoService]),
  requestStreams: "all",
});
