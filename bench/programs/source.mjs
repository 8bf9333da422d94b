// A store that costs nothing: answers with frames that were encoded before, over gRPC-Web on HTTP/1.1 and over gRPC on
// HTTP/2. What is measured is then the client, not the store.
//
//   node source.mjs SHAPE EVENTS [TIMES]
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { once } from "node:events";
import { serveQuestions } from "../lib/process.mjs";
import { endless, finite, OK_FRAME } from "./answers.mjs";

/** The response repeats its events so often. */
const [shape, events, times = "1"] = process.argv.slice(2);
const { path, responseOf } = await import(`../shapes/${shape}.mjs`);
const body = responseOf(Number(events));
/** A HeadResponse of position 1. */
const UNARY = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
/** What a subscription begins with: the message that holds the only event, if there is just one. */
const greeting = Number(events) === 1 ? body : Buffer.alloc(0);
/** Further answers by path; everything else is answered like a unary call. */
const STREAMS = { [path]: (to) => finite(to, body, Number(times)), "/umadb.v1.DCB/Subscribe": (to) => endless(to, greeting) };

const web = createServer((req, res) => {
  if (req.method === "GET") return res.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>bench</title>");
  req.resume();
  return req.once("end", () => {
    res.writeHead(200, { "content-type": "application/grpc-web+proto" });
    void answer(res, req.url).then((how) => how === "ended" && res.end(OK_FRAME));
  });
});

const native = createHttp2Server({ settings: { maxConcurrentStreams: 1_000_000 } }, undefined);
native.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  stream.resume();
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.once("end", () => {
    void answer(stream, headers[":path"]).then((how) => how === "ended" && stream.end());
  });
});
native.on("sessionError", () => {});

async function answer(to, method) {
  const stream = STREAMS[method];
  if (stream !== undefined) return stream(to);
  to.write(UNARY);
  return "ended";
}

for (const server of [web, native]) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}
const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;
serveQuestions(() => undefined, { web: urlOf(web), native: urlOf(native), bytes: body.length });
