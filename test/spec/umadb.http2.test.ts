import { afterAll } from "vitest";
import { direct, realBackend } from "../support/backends.js";
import { umadbSpec } from "./umadb.js";

const backend = realBackend("by native gRPC, without a gateway", direct);
umadbSpec(backend);
afterAll(() => backend.close());

const secured = realBackend("by native gRPC over TLS, with an API key", direct, { tls: true, apiKey: "a-secret" });
umadbSpec(secured);
afterAll(() => secured.close());
