import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { contestantOver } from "./connect.mjs";

/** Connect in a page: gRPC-Web, binary. */
export const open = (url, shape) => contestantOver(createGrpcWebTransport({ baseUrl: url }), shape);
