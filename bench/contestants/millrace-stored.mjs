// KubeMQ's stored events over our carrier, one array a chunk.
import { readEvents } from "millrace/internal/kubemq/views";
import { chunksOf } from "./carried.mjs";

export function readStored(carrier) {
  return async (_fields, sum) => {
    for await (const chunk of chunksOf(carrier, "/kubemq.kubemq/SubscribeToEvents")) for (const event of readEvents(chunk)) takeAll(event, sum);
  };
}

function takeAll(event, sum) {
  sum.event(Number(event.sequence), event.body);
  sum.string(event.id);
  sum.string(event.channel);
  sum.string(event.metadata);
  sum.string(event.tags.device);
}
