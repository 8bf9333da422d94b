import type { QueueMessage as WireQueueMessage, SendQueueMessageResult } from "../../gen/static/kubemq/kubemq.js";
import type { Broker } from "./broker.js";
import { channelName, integer, record } from "./check.js";
import { MESSAGE_NAMES, toWireMessage } from "./convert.js";
import { errorOfText } from "./errors.js";
import type { BatchResult, NewQueueMessage, QueueMessage } from "./queue-types.js";
import type { QueueMessageObject } from "./queue-views.js";
import type { Tags } from "./views.js";

const HALF_A_DAY = 43_200;
const NAMES = [...MESSAGE_NAMES, "expirationSeconds", "delaySeconds", "maxReceiveCount", "deadLetterQueue"] as const;

/**
 * A message for a queue.
 *
 * @throws {MillraceError} `invalid_argument`.
 */
export function toWireQueueMessage({ clientId }: Broker, channel: string, message: NewQueueMessage, path: string, also: readonly string[] = []): WireQueueMessage {
  record(message, path, [...NAMES, ...also]);
  const { expirationSeconds, delaySeconds, maxReceiveCount, deadLetterQueue } = message;
  const { id, ...parts } = toWireMessage(message, path);
  return {
    MessageID: id, ClientID: clientId, Channel: channel, ...parts, Topic: "", Partition: 0, PartitionKey: "", Attributes: undefined,
    Policy: {
      ExpirationSeconds: integer(expirationSeconds, `${path}.expirationSeconds`, 0, HALF_A_DAY, 0),
      DelaySeconds: integer(delaySeconds, `${path}.delaySeconds`, 0, HALF_A_DAY, 0),
      MaxReceiveCount: integer(maxReceiveCount, `${path}.maxReceiveCount`, 1, 1_024, 0),
      MaxReceiveQueue: deadLetterQueue === undefined ? "" : channelName(deadLetterQueue, `${path}.deadLetterQueue`, "stored"),
    },
  };
}

/** What became of a message. */
export function fromWireResult({ MessageID, SentAt, ExpirationAt, DelayedTo, IsError, Error: text }: SendQueueMessageResult): BatchResult {
  return { id: MessageID, sentAt: toDate(SentAt), expirationAt: toDate(ExpirationAt), delayedTo: toDate(DelayedTo), error: IsError ? errorOfText(text, "unknown") : undefined };
}

/** A queue's message, as the generated codec gives it. */
export function fromWireQueueMessage(message: WireQueueMessage): QueueMessage {
  const { MessageID, ClientID, Channel, Metadata, Body, Tags: tags, Attributes, Policy } = message;
  return {
    id: MessageID, clientId: ClientID, channel: Channel, metadata: Metadata, body: Body,
    tags: Object.assign(Object.create(null), Object.fromEntries(tags)) as Tags,
    sequence: Attributes?.Sequence ?? 0n, timestamp: toDate(Attributes?.Timestamp), expirationAt: toDate(Attributes?.ExpirationAt), delayedTo: toDate(Attributes?.DelayedTo),
    md5OfBody: Attributes?.MD5OfBody ?? "", receiveCount: Attributes?.ReceiveCount ?? 0, reRouted: Attributes?.ReRouted ?? false,
    reRoutedFromQueue: Attributes?.ReRoutedFromQueue ?? "", maxReceiveCount: Policy?.MaxReceiveCount ?? 0,
  };
}

/** A queue's message, as its view gives it. */
export function fromQueueView({ id, clientId, channel, metadata, body, tags, attributes, policy }: QueueMessageObject): QueueMessage {
  return {
    id, clientId, channel, metadata, body, tags,
    sequence: attributes?.sequence ?? 0n, timestamp: toDate(attributes?.timestamp), expirationAt: toDate(attributes?.expirationAt), delayedTo: toDate(attributes?.delayedTo),
    md5OfBody: attributes?.md5OfBody ?? "", receiveCount: attributes?.receiveCount ?? 0, reRouted: attributes?.reRouted ?? false,
    reRoutedFromQueue: attributes?.reRoutedFromQueue ?? "", maxReceiveCount: policy?.maxReceiveCount ?? 0,
  };
}

function toDate(nanoseconds: bigint | undefined): Date | undefined {
  return nanoseconds === undefined || nanoseconds <= 0n ? undefined : new Date(Number(nanoseconds / 1_000_000n));
}
