// What protobufjs makes of each message: the functions that its command line generates.
import root from "../node_modules/.peers/protobufjs.cjs";

const { ReadRequest, ReadResponse } = root.umadb.v1;
const { ReadReq, ReadResp } = root.event_store.client.streams;

/** For each shape: its path, its empty request, how a message is read, and what a consumer takes of it. */
export const shapes = {
  batch: {
    path: "/umadb.v1.DCB/Read",
    Request: ReadRequest,
    Response: ReadResponse,
    data: ({ events }, sum) => {
      for (const { position, event } of events) sum.event(position.toNumber(), event.data);
    },
    all: ({ events }, sum) => {
      for (const { position, event } of events) takeAll(position.toNumber(), event, sum);
    },
  },
  single: {
    path: "/event_store.client.streams.Streams/Read",
    Request: ReadReq,
    Response: ReadResp,
    data: ({ event: { event } }, sum) => sum.event(event.commitPosition.toNumber(), event.data),
    all: ({ event: { event } }, sum) => takeAllOfRecorded(event, sum),
  },
};

function takeAll(position, event, sum) {
  sum.event(position, event.data);
  sum.string(event.eventType);
  for (const tag of event.tags) sum.string(tag);
  sum.string(event.uuid);
  for (const { value } of event.metadata) sum.string(value);
}

const text = new TextDecoder();

function takeAllOfRecorded(event, sum) {
  sum.event(event.commitPosition.toNumber(), event.data);
  sum.string(event.id.string);
  sum.string(text.decode(event.streamIdentifier.streamName));
  sum.number(event.streamRevision.toNumber());
  sum.number(event.preparePosition.toNumber());
  sum.string(event.metadata.type);
  sum.string(event.metadata["content-type"]);
  sum.string(event.metadata.created);
  sum.data(event.customMetadata);
}
