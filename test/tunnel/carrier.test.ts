import { afterAll, beforeAll } from "vitest";
import { createTransport } from "millrace/connect";
import { carrierSpec } from "../connect/carrier-spec.js";
import { transportSpec } from "../connect/transport-spec.js";
import { serveGateway, type ServedGateway } from "../gateway/support/serve.js";
import { echoUpstream, startEchoServer, type EchoServer } from "../support/echo.js";
import { openAuto, openTunnel } from "./support.js";

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

carrierSpec({ name: "the tunnel, through the gateway", open: () => openTunnel(gateway.url), requestStreams: "all" });

carrierSpec({ name: "auto, through the gateway", open: () => openAuto(gateway.url), requestStreams: "all" });

transportSpec({
  name: "createTransport over auto, through the gateway",
  open: (interceptors) => {
    const carrier = openAuto(gateway.url);
    return { transport: createTransport(carrier, { interceptors }), close: () => carrier.close() };
  },
  requestStreams: "full",
  ours: true,
});

transportSpec({
  name: "createTransport over the tunnel, through the gateway",
  open: (interceptors) => {
    const carrier = openTunnel(gateway.url);
    return { transport: createTransport(carrier, { interceptors }), close: () => carrier.close() };
  },
  requestStreams: "full",
  ours: true,
});
