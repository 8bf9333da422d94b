import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import { shapes } from "./google.mjs";

/** The official grpc-web with google-protobuf, for pages only: binary, and streaming as far as it can. */
export function open(url, shape) {
  const { path, Request, Response, data, all } = shapes[shape];
  const client = new GrpcWebClientBase({ format: "binary", useFetchDownloadStreams: true });
  const descriptor = new MethodDescriptor(path, MethodType.SERVER_STREAMING, Request, Response, (request) => request.serializeBinary(), (bytes) => Response.deserializeBinary(bytes));
  return (fields, sum) => new Promise((resolve, reject) => {
    const take = fields === "all" ? all : data;
    const stream = client.serverStreaming(url + path, new Request(), {}, descriptor);
    stream.on("data", (message) => take(message, sum));
    stream.on("error", reject);
    stream.on("end", () => resolve());
  });
}
