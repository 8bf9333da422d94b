// EventStoreDB's events over our carrier, one array a chunk.
import { readMessages } from "millrace/internal/eventstoredb/views";
import { chunksOf } from "./carried.mjs";

export function readSingle(carrier) {
  return async (fields, sum) => {
    const take = fields === "all" ? takeAll : takeData;
    for await (const chunk of chunksOf(carrier, "/event_store.client.streams.Streams/Read")) for (const event of readMessages(chunk)) take(event, sum);
  };
}

function takeData(event, sum) {
  sum.event(Number(event.commitPosition), event.data);
}

function takeAll(event, sum) {
  const { commit, prepare } = event.position;
  sum.event(Number(commit), event.data);
  sum.string(event.id);
  sum.string(event.stream);
  sum.number(Number(event.revision));
  sum.number(Number(prepare));
  sum.string(event.type);
  sum.string(event.contentType);
  sum.string(event.createdTicks);
  sum.data(event.metadata);
}
