// What google-protobuf makes of each message: the classes that protoc generates, and their getters.
import streams from "../node_modules/.peers/google/event_store/client/streams/streams_pb.js";
import kubemq from "../node_modules/.peers/google/kubemq/kubemq_pb.js";
import umadb from "../node_modules/.peers/google/umadb/v1/umadb_pb.js";

/** For each shape: its path, its empty request, how a message is read, and what a consumer takes of it. */
export const shapes = {
  batch: {
    path: "/umadb.v1.DCB/Read",
    Request: umadb.ReadRequest,
    Response: umadb.ReadResponse,
    data: (message, sum) => {
      for (const sequenced of message.getEventsList()) sum.event(sequenced.getPosition(), sequenced.getEvent().getData_asU8());
    },
    all: (message, sum) => {
      for (const sequenced of message.getEventsList()) takeAll(sequenced.getPosition(), sequenced.getEvent(), sum);
    },
  },
  single: {
    path: "/event_store.client.streams.Streams/Read",
    Request: streams.ReadReq,
    Response: streams.ReadResp,
    data: (message, sum) => {
      const recorded = message.getEvent().getEvent();
      sum.event(recorded.getCommitPosition(), recorded.getData_asU8());
    },
    all: (message, sum) => takeAllOfRecorded(message.getEvent().getEvent(), sum),
  },
  stored: { path: "/kubemq.kubemq/SubscribeToEvents", Request: kubemq.Subscribe, Response: kubemq.EventReceive, data: takeStored, all: takeStored },
};

function takeAll(position, event, sum) {
  sum.event(position, event.getData_asU8());
  sum.string(event.getEventType());
  for (const tag of event.getTagsList()) sum.string(tag);
  sum.string(event.getUuid());
  for (const entry of event.getMetadataList()) sum.string(entry.getValue());
}

const text = new TextDecoder();

function takeAllOfRecorded(event, sum) {
  sum.event(event.getCommitPosition(), event.getData_asU8());
  sum.string(event.getId().getString());
  sum.string(text.decode(event.getStreamIdentifier().getStreamName_asU8()));
  sum.number(event.getStreamRevision());
  sum.number(event.getPreparePosition());
  const metadata = event.getMetadataMap();
  sum.string(metadata.get("type"));
  sum.string(metadata.get("content-type"));
  sum.string(metadata.get("created"));
  sum.data(event.getCustomMetadata_asU8());
}

function takeStored(event, sum) {
  sum.event(event.getSequence(), event.getBody_asU8());
  sum.string(event.getEventid());
  sum.string(event.getChannel());
  sum.string(event.getMetadata());
  sum.string(event.getTagsMap().get("device"));
}
