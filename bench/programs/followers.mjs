// Many subscriptions in one process: node followers.mjs KIND URL COUNT. Asked for a number of events, it answers when each
// subscription has got as many.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { WebSocket } from "ws";
import { tunnelCarrier } from "millrace/carrier";
import { DCB } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { UmaDb } from "millrace/umadb";
import { serveQuestions } from "../lib/process.mjs";

const [kind, url, count] = process.argv.slice(2);

const FOLLOWERS = {
  fetch: () => ours(new UmaDb({ url })),
  tunnel: () => ours(new UmaDb({ carrier: tunnelCarrier({ url, webSocket: WebSocket }) })),
  connect() {
    const client = createClient(DCB, createGrpcWebTransport({ baseUrl: url }));
    return async (take) => {
      for await (const { events } of client.subscribe({})) take(events.length);
    };
  },
};

function ours(db) {
  return async (take) => {
    for await (const batch of db.subscribe().batches()) take(batch.length);
  };
}

const seen = new Array(Number(count)).fill(0);
let check = () => {};
const follow = FOLLOWERS[kind]();
for (const place of seen.keys()) {
  void follow((events) => {
    seen[place] += events;
    check();
  });
}

serveQuestions(({ events }) => new Promise((resolve) => {
  check = () => {
    if (seen.every((number) => number >= events)) resolve({ least: Math.min(...seen) });
  };
  check();
}));
