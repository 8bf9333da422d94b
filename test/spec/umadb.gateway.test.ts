import { afterAll } from "vitest";
import { WebSocket } from "ws";
import { realBackend, throughGateway, type Way } from "../support/backends.js";
import { umadbSpec } from "./umadb.js";

const backend = realBackend("by fetch through the gateway", throughGateway);
umadbSpec(backend);
afterAll(() => backend.close());

const byAuto: Way = async (server) => {
  const { options, close } = await throughGateway(server);
  return { options: { ...options, webSocket: WebSocket }, close };
};
const auto = realBackend("by fetch and the tunnel through the gateway", byAuto);
umadbSpec(auto);
afterAll(() => auto.close());

const keyed = realBackend("by fetch through the gateway, with an API key", throughGateway, { apiKey: "a-secret" });
umadbSpec(keyed);
afterAll(() => keyed.close());

const secured = realBackend("by fetch through the gateway, with TLS and an API key", throughGateway, { tls: true, apiKey: "a-secret" });
umadbSpec(secured);
afterAll(() => secured.close());
