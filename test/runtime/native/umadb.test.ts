import { http2Carrier } from "millrace/carrier/http2";
import { inject } from "vitest";
import { umadbSpec } from "../../spec/umadb.js";
import { remoteBackend } from "../remote-backend.js";

umadbSpec(remoteBackend("by native gRPC, without a gateway", ({ umadbUrl }) => http2Carrier({ url: umadbUrl })), inject("specPart"));
