// Reads everything once and keeps it: node keeper.mjs WHO URL. Answers with the bytes that each event holds, and with the
// most memory that the process ever had beyond what it had before.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { DCB } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { UmaDb } from "millrace/umadb";
import { serveQuestions } from "../lib/process.mjs";

const [who, url] = process.argv.slice(2);

const READERS = {
  /** Events as they come, which hold the chunks that they came in. */
  async views(take) {
    for await (const batch of new UmaDb({ url }).read().batches()) for (const event of batch) take(event);
  },
  async objects(take) {
    for await (const batch of new UmaDb({ url }).read().batches()) for (const event of batch) take(event.toObject());
  },
  async connect(take) {
    for await (const { events } of createClient(DCB, createGrpcWebTransport({ baseUrl: url })).read({})) for (const event of events) take(event);
  },
};

serveQuestions(async ({ keep }) => {
  const kept = [];
  let events = 0;
  globalThis.gc();
  const before = process.memoryUsage();
  await READERS[who](keep ? (event) => { events++; kept.push(event); } : () => { events++; });
  const peakBytes = process.resourceUsage().maxRSS * 1_024 - before.rss;
  globalThis.gc();
  const after = process.memoryUsage();
  return { bytesPerEvent: (after.heapUsed + after.external - before.heapUsed - before.external) / events, peakMb: peakBytes / 1e6, events: kept.length };
});
