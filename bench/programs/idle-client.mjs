// Opens subscriptions that nothing comes for: node idle-client.mjs fetch|tunnel URL. Speaks as our client does, with less
// memory: what is measured is the gateway.
import { request } from "node:http";
import { WebSocket } from "ws";
import { tunnelCarrier } from "millrace/carrier";
import { serveQuestions } from "../lib/process.mjs";

const [kind, url] = process.argv.slice(2);
const PATH = "/umadb.v1.DCB/Subscribe";
const PER_TUNNEL = 100;
/** How many are opened at the same time. */
const ABREAST = 100;
/** Ends all that is open. */
let leave = () => {};

const OPENERS = {
  fetch(count) {
    const requests = Array.from({ length: count }, () => () => overHttp());
    return { open: requests, end: (opened) => opened.forEach((one) => one.destroy()) };
  },
  tunnel(count) {
    const tunnels = Array.from({ length: Math.ceil(count / PER_TUNNEL) }, () => tunnelCarrier({ url, webSocket: WebSocket }));
    const calls = Array.from({ length: count }, (_, n) => () => overTunnel(tunnels[Math.floor(n / PER_TUNNEL)]));
    return { open: calls, end: () => tunnels.forEach((tunnel) => void tunnel.close()) };
  },
};

function overHttp() {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "millrace-heartbeat-ms": "15000", "content-length": 5 };
    const call = request(url + PATH, { method: "POST", headers, agent: false }, (response) => {
      response.resume();
      resolve(call);
    });
    call.on("error", reject);
    call.end(Buffer.alloc(5));
  });
}

async function overTunnel(tunnel) {
  const headers = new Headers({ "millrace-heartbeat-ms": "15000" });
  const response = tunnel.call({ path: PATH, kind: "server", lane: "live", cancel: "delayed", headers, messages: [new Uint8Array(0)] });
  response.chunks.next().catch(() => {});
  await response.headers;
  return response;
}

serveQuestions(async ({ count }) => {
  leave();
  const { open, end } = OPENERS[kind](count);
  const opened = [];
  for (let from = 0; from < count; from += ABREAST) opened.push(...(await Promise.all(open.slice(from, from + ABREAST).map((one) => one()))));
  leave = () => end(opened);
  return { opened: opened.length };
});
