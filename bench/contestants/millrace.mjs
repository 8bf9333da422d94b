// Our clients over any carrier, batch by batch, which is the fastest way to take events.
import { UmaDb } from "millrace/umadb";
import { readSingle } from "./millrace-single.mjs";
import { readStored } from "./millrace-stored.mjs";

/** @param {object} connection What leads a client to its server: `{ url }` or `{ carrier }`. */
export function contestantOver(connection, carrierOf) {
  return (shape) => {
    if (shape === "batch") return readBatches(connection);
    return (shape === "single" ? readSingle : readStored)(carrierOf());
  };
}

function readBatches(connection) {
  return async (fields, sum) => {
    const db = new UmaDb(connection());
    const take = fields === "all" ? takeAll : takeData;
    for await (const batch of db.read().batches()) take(batch, sum);
    await db.close();
  };
}

function takeData(batch, sum) {
  for (const { position, event } of batch) sum.event(Number(position), event.data);
}

export function takeAll(batch, sum) {
  for (const { position, event } of batch) {
    sum.event(Number(position), event.data);
    sum.string(event.type);
    for (const tag of event.tags) sum.string(tag);
    sum.string(event.uuid);
    for (const key in event.metadata) sum.string(event.metadata[key]);
  }
}
