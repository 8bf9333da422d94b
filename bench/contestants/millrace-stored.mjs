// KubeMQ's stored events over our carrier, one array a chunk.
import { payloadsOf } from "millrace/internal/wire/frames";
import { EventReceive } from "millrace/internal/gen/static/kubemq/kubemq";
import { chunksOf } from "./carried.mjs";

export function readStored(carrier) {
  return async (_fields, sum) => {
    for await (const chunk of chunksOf(carrier, "/kubemq.kubemq/SubscribeToEvents")) {
      for (const payload of payloadsOf(chunk)) takeAll(EventReceive.decode(payload), sum);
    }
  };
}

function takeAll(event, sum) {
  sum.event(Number(event.Sequence), event.Body);
  sum.string(event.EventID);
  sum.string(event.Channel);
  sum.string(event.Metadata);
  sum.string(event.Tags.get("device"));
}
