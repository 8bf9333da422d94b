import { createGrpcTransport } from "@connectrpc/connect-node";
import { contestantOver } from "./connect.mjs";

/** Connect in Node: native gRPC. */
export const open = (url, shape) => contestantOver(createGrpcTransport({ baseUrl: url }), shape);
