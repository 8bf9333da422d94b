// What a page that reads and subscribes has to load: ours against connect-web with protobuf-es.
import { constants, brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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

export async function measure() {
  return [{ name: "bundle-size", shape: "a page that reads and subscribes, against connect-web", ours: await brotli(OURS), peer: await brotli(PEER), spread: 0, unit: "bytes brotli" }];
}

async function brotli(contents) {
  const resolveDir = fileURLToPath(new URL("..", import.meta.url));
  const { outputFiles } = await build({ stdin: { contents, resolveDir }, bundle: true, minify: true, write: false, format: "esm", platform: "browser", target: "es2022" });
  return brotliCompressSync(outputFiles[0].contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}
