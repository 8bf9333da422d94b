import { contestantOver } from "./grpc-js.mjs";
import { shapes } from "./protobufjs.mjs";

/** grpc-js with protobufjs' generated functions. */
export function open(url, shape) {
  const { Request, Response, ...rest } = shapes[shape];
  const request = Buffer.from(Request.encode({}).finish());
  return contestantOver(url, { ...rest, request, decode: (bytes) => Response.decode(bytes) });
}
