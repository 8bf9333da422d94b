// Reads everything through the gateway by our client: `batches` or `events`.
import { UmaDb } from "millrace/umadb";
import { Checksum } from "../lib/checksum.mjs";
import { serveQuestions } from "../lib/process.mjs";

const [url, shape] = process.argv.slice(2);

async function readBatches(db, sum) {
  for await (const batch of db.read().batches()) {
    for (const { position, event } of batch) sum.add(position, event.type, event.tags, event.uuid, event.data);
  }
}

async function readEvents(db, sum) {
  for await (const { position, event } of db.read()) sum.add(position, event.type, event.tags, event.uuid, event.data);
}

serveQuestions(async ({ full }) => {
  const db = new UmaDb({ url });
  const sum = new Checksum(full);
  const started = performance.now();
  await (shape === "batches" ? readBatches : readEvents)(db, sum);
  const ms = performance.now() - started;
  await db.close();
  return { ms, checksum: String(sum) };
});
