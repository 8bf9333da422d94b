import { afterAll } from "vitest";
import { realBackend, throughGateway } from "../support/backends.js";
import { umadbSpec } from "./umadb.js";

const backend = realBackend("by fetch through the gateway", throughGateway);
umadbSpec(backend);
afterAll(() => backend.close());

const keyed = realBackend("by fetch through the gateway, with an API key", throughGateway, { apiKey: "a-secret" });
umadbSpec(keyed);
afterAll(() => keyed.close());

const secured = realBackend("by fetch through the gateway, with TLS and an API key", throughGateway, { tls: true, apiKey: "a-secret" });
umadbSpec(secured);
afterAll(() => secured.close());
