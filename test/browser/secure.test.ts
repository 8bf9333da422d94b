import { inject } from "vitest";
import { umadbSpec } from "../spec/umadb.js";

umadbSpec({ name: "in a page, over TLS with HTTP/2", shared: () => ({ url: inject("secureGatewayUrl") }) });
