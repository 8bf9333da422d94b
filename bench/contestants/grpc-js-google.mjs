import { shapes } from "./google.mjs";
import { contestantOver } from "./grpc-js.mjs";

/** grpc-js with google-protobuf: the usual Node client of these stores. */
export function open(url, shape) {
  const { Request, Response, ...rest } = shapes[shape];
  const request = Buffer.from(new Request().serializeBinary());
  return contestantOver(url, { ...rest, request, decode: (bytes) => Response.deserializeBinary(bytes) });
}
