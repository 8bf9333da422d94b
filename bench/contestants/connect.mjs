// What users of Connect write, over whichever of its transports: generated schemas of protobuf-es, `for await`.
import { createClient } from "@connectrpc/connect";
import { Streams } from "millrace/internal/gen/es/event_store/client/streams/streams_pb";
import { DCB } from "millrace/internal/gen/es/umadb/v1/umadb_pb";

export function contestantOver(transport, shape) {
  return shape === "batch" ? readBatches(createClient(DCB, transport)) : readSingle(createClient(Streams, transport));
}

function readBatches(client) {
  return async (fields, sum) => {
    const take = fields === "all" ? takeAll : takeData;
    for await (const { events } of client.read({})) for (const { position, event } of events) take(position, event, sum);
  };
}

function takeData(position, event, sum) {
  sum.event(Number(position), event.data);
}

function takeAll(position, event, sum) {
  takeData(position, event, sum);
  sum.string(event.eventType);
  for (const tag of event.tags) sum.string(tag);
  sum.string(event.uuid);
  for (const { value } of event.metadata) sum.string(value);
}

const text = new TextDecoder();

function readSingle(client) {
  return async (fields, sum) => {
    const take = fields === "all" ? takeAllOfRecorded : takeDataOfRecorded;
    for await (const { content } of client.read({})) take(content.value.event, sum);
  };
}

function takeDataOfRecorded(event, sum) {
  sum.event(Number(event.commitPosition), event.data);
}

function takeAllOfRecorded(event, sum) {
  takeDataOfRecorded(event, sum);
  sum.string(event.id.value.value);
  sum.string(text.decode(event.streamIdentifier.streamName));
  sum.number(Number(event.streamRevision));
  sum.number(Number(event.preparePosition));
  sum.string(event.metadata.type);
  sum.string(event.metadata["content-type"]);
  sum.string(event.metadata.created);
  sum.data(event.customMetadata);
}
