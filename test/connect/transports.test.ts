import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { fetchCarrier, type Carrier } from "millrace/carrier";
import { http2Carrier } from "millrace/carrier/http2";
import { connectCarrier, createTransport, type TransportOptions } from "millrace/connect";
import { afterAll, beforeAll } from "vitest";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { echoRoutes, echoUpstream, startEchoServer, type EchoServer } from "../support/echo.js";
import { EchoService } from "../support/proto/echo_pb.js";
import { transportSpec } from "./transport-spec.js";

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

const over = (open: () => Carrier, options: TransportOptions = {}) => (interceptors?: Interceptor[]): { transport: Transport; close: () => Promise<void> } => {
  const carrier = open();
  return { transport: createTransport(carrier, { ...options, interceptors }), close: () => carrier.close() };
};

transportSpec({ name: "createTransport over fetch, through the gateway", open: over(() => fetchCarrier({ url: gateway.url })), requestStreams: "client", ours: true });

transportSpec({ name: "createTransport over fetch, bidi in halves", open: over(() => fetchCarrier({ url: gateway.url }), { duplex: "half" }), requestStreams: "half", ours: true });

transportSpec({ name: "createTransport over http2", open: over(() => http2Carrier({ url: server.url })), requestStreams: "full", ours: true });

transportSpec({
  name: "createTransport over connectCarrier over a router in memory",
  open: over(() => connectCarrier(createRouterTransport(echoRoutes()), [EchoService])),
  requestStreams: "full",
  ours: true,
});

transportSpec({
  name: "createTransport over connectCarrier over connect-web",
  open: over(() => connectCarrier(createGrpcWebTransport({ baseUrl: gateway.url }), [EchoService])),
  requestStreams: "none",
  ours: true,
});

transportSpec({
  name: "stock connect-node, native gRPC",
  open: (interceptors) => ({ transport: createGrpcTransport({ baseUrl: server.url, interceptors: interceptors ?? [] }) }),
  requestStreams: "full",
  ours: false,
});

transportSpec({
  name: "stock connect-web, through the gateway",
  open: (interceptors) => ({ transport: createGrpcWebTransport({ baseUrl: gateway.url, interceptors: interceptors ?? [] }) }),
  requestStreams: "none",
  ours: false,
});
