// EventStoreDB's events over our carrier, one array a chunk.
import { payloadsOf } from "millrace/internal/wire/frames";
import { ReadResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { chunksOf } from "./carried.mjs";

const text = new TextDecoder();

export function readSingle(carrier) {
  return async (fields, sum) => {
    const take = fields === "all" ? takeAll : takeData;
    for await (const chunk of chunksOf(carrier, "/event_store.client.streams.Streams/Read")) {
      for (const payload of payloadsOf(chunk)) take(ReadResp.decode(payload).content.value.event, sum);
    }
  };
}

function takeData(event, sum) {
  sum.event(Number(event.commitPosition), event.data);
}

function takeAll(event, sum) {
  takeData(event, sum);
  sum.string(event.id.value.value);
  sum.string(text.decode(event.streamIdentifier.streamName));
  sum.number(Number(event.streamRevision));
  sum.number(Number(event.preparePosition));
  for (const key of ["type", "content-type", "created"]) sum.string(event.metadata.get(key));
  sum.data(event.customMetadata);
}
