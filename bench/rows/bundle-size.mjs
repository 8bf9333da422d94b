// What a page that reads and subscribes has to load: ours against connect-web with protobuf-es, and the official grpc-web.
import { brotliCompressSync, constants } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startChromium } from "../lib/chromium.mjs";
import { startGateway } from "../lib/gateway.mjs";
import { rowOf } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

const OURS = `
import { UmaDb } from "millrace/umadb";
export async function show(url, onEvent) {
  const db = new UmaDb({ url });
  for await (const event of db.read()) onEvent(event);
  for await (const event of db.subscribe()) onEvent(event);
}`;

const CONNECT = `
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
  const [loaded, whole, connect, grpcWeb] = [await loadedBy(OURS), await oneFile(OURS), await oneFile(CONNECT), await oneFile(GRPC_WEB)];
  const row = (shape, mine, other) => rowOf({ name: "bundle-size", shape: `a page that reads and subscribes, ${shape}`, ours: [mine], peer: [other], unit: "bytes brotli", runtime: "esbuild" });
  return [
    row("all that it loads before an append, against connect-web", loaded, connect),
    row("as one file with everything, against connect-web", whole, connect),
    row("all that it loads before an append, against grpc-web", loaded, grpcWeb),
  ];
}

const OPTIONS = { bundle: true, minify: true, write: false, format: "esm", platform: "browser", target: "es2022" };
const resolveDir = fileURLToPath(new URL("..", import.meta.url));

async function oneFile(contents) {
  const { outputFiles } = await build({ ...OPTIONS, stdin: { contents, resolveDir } });
  return compressed(outputFiles[0].contents);
}

/** Bundled with splitting and run in Chromium until both its calls have reached the store: the files that it asked for by then. */
async function loadedBy(contents) {
  const { outputFiles } = await build({ ...OPTIONS, stdin: { contents, resolveDir }, splitting: true, outdir: "/bundle" });
  const source = await startSource("batch", 1);
  const gateway = await startGateway(["--umadb", source.native]);
  const { browser, stop } = await startChromium();
  const page = await browser.newPage();
  let loaded = 0;
  await page.route(`${source.web}/bundle/*`, (route) => {
    const file = outputFiles.find(({ path }) => path === new URL(route.request().url()).pathname);
    loaded += compressed(file.contents);
    return route.fulfill({ contentType: "text/javascript", body: Buffer.from(file.contents) });
  });
  await page.goto(`${source.web}/`);
  await page.evaluate(async (url) => {
    const { show } = await import("/bundle/stdin.js");
    await new Promise((resolve, reject) => {
      // One event is there; the subscription brings it again.
      let events = 0;
      show(url, () => ++events === 2 && resolve()).catch(reject);
    });
  }, gateway.url);
  await stop();
  await gateway.stop();
  await source.stop();
  return loaded;
}

function compressed(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}
