// Asks a store for its head, over and over: how long each call takes.
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { serveQuestions } from "../lib/process.mjs";
import { percentile } from "../lib/statistics.mjs";

const clients = new Map();

function clientOf(url, native) {
  if (!clients.has(url)) clients.set(url, new UmaDb(native ? { carrier: http2Carrier({ url }) } : { url }));
  return clients.get(url);
}

serveQuestions(async ({ url, native, concurrency, calls }) => {
  const db = clientOf(url, native);
  const times = [];
  let left = calls;
  const caller = async () => {
    while (left-- > 0) {
      const started = performance.now();
      await db.head();
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return { p50: percentile(times, 50), p99: percentile(times, 99) };
});
