// What a page that reads and subscribes has to load: ours against connect-web with protobuf-es.
import { constants, brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { rowOf } from "../lib/row.mjs";

const OURS = `
import { UmaDb } from "millrace/umadb";
export async function show(url, onEvent) {
  const db = new UmaDb({ url });
  for await (const event of db.read()) onEvent(event);
  for await (const event of db.subscribe()) onEvent(event);
}`;

const PEER = `
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { DCB } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
export async function show(url, onEvent) {
  const db = createClient(DCB, createGrpcWebTransport({ baseUrl: url }));
  for await (const { events } of db.read({})) events.forEach(onEvent);
  for await (const { events } of db.subscribe({})) events.forEach(onEvent);
}`;

const GRPC_WEB = `
import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import umadb from "./node_modules/.peers/google/umadb/v1/umadb_pb.js";
const methodOf = (name, Request, Response) => new MethodDescriptor("/umadb.v1.DCB/" + name, MethodType.SERVER_STREAMING, Request, Response, (request) => request.serializeBinary(), Response.deserializeBinary);
export function show(url, onEvent) {
  const client = new GrpcWebClientBase({ format: "binary" });
  const take = (message) => message.getEventsList().forEach(onEvent);
  client.serverStreaming(url + "/umadb.v1.DCB/Read", new umadb.ReadRequest(), {}, methodOf("Read", umadb.ReadRequest, umadb.ReadResponse)).on("data", take);
  client.serverStreaming(url + "/umadb.v1.DCB/Subscribe", new umadb.SubscribeRequest(), {}, methodOf("Subscribe", umadb.SubscribeRequest, umadb.SubscribeResponse)).on("data", take);
}`;

export async function bundleSize() {
  const [ours, split, connect, grpcWeb] = [await brotli(OURS), await brotliOfFirstLoad(OURS), await brotli(PEER), await brotli(GRPC_WEB)];
  const row = (shape, mine, other) => rowOf({ name: "bundle-size", shape: `a page that reads and subscribes, ${shape}`, ours: [mine], peer: [other], unit: "bytes brotli", runtime: "esbuild" });
  return [
    row("before its first append, against connect-web", split, connect),
    row("in one file, against connect-web", ours, connect),
    row("before its first append, against grpc-web", split, grpcWeb),
  ];
}

const OPTIONS = { bundle: true, minify: true, write: false, format: "esm", platform: "browser", target: "es2022" };
const resolveDir = fileURLToPath(new URL("..", import.meta.url));

async function brotli(contents) {
  const { outputFiles } = await build({ ...OPTIONS, stdin: { contents, resolveDir } });
  return compressed(outputFiles[0].contents);
}

/** With splitting, what is imported dynamically comes in files of its own, when it is used. */
async function brotliOfFirstLoad(contents) {
  const { outputFiles, metafile } = await build({ ...OPTIONS, stdin: { contents, resolveDir }, splitting: true, metafile: true, outdir: "out" });
  const needed = new Set();
  const visit = (file) => {
    if (needed.has(file)) return;
    needed.add(file);
    for (const { path, kind } of metafile.outputs[file].imports) if (kind === "import-statement") visit(path);
  };
  visit(Object.keys(metafile.outputs).find((file) => metafile.outputs[file].entryPoint === "<stdin>"));
  const first = outputFiles.filter(({ path }) => [...needed].some((file) => path.endsWith(file)));
  return first.reduce((sum, file) => sum + compressed(file.contents), 0);
}

function compressed(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}
