import type { CallOptions } from "../core/options.js";
import { randomUuid } from "../core/uuid.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { kubemqMethods } from "../wire/methods.js";
import {
  AckAllQueueMessagesRequest, AckAllQueueMessagesResponse, QueueMessage as WireQueueMessage, QueueMessagesBatchRequest, QueueMessagesBatchResponse, QueuesInfoRequest,
  QueuesInfoResponse, ReceiveQueueMessagesRequest, ReceiveQueueMessagesResponse, SendQueueMessageResult,
} from "../../gen/static/kubemq/kubemq.js";
import { ask } from "./ask.js";
import { brokerOf, type Broker, type HasBroker } from "./broker.js";
import { channelName, integer, wrong } from "./check.js";
import { fromWireQueueMessage, fromWireResult, toWireQueueMessage } from "./convert-queue.js";
import { errorOfText } from "./errors.js";
import type { AckAllOptions, BatchResult, NewQueueMessage, PullOptions, QueueInfo, QueueMessage, SendResult, TransactionOptions } from "./queue-types.js";
import { receive, type QueueReceiver, type ReceiveOptions } from "./receive.js";
import { openTransaction, type QueueTransaction } from "./transaction.js";

/** How much longer than a wait we wait for its answer, in milliseconds. */
const MORE_MS = 5_000;
const MAX_WAIT_MS = 3_600_000;

/** Queues: each message goes to one of those that take it, at least once. */
export interface Queues {
  /**
   * Sends a message.
   *
   * @throws {MillraceError} `invalid_argument` for what is refused, here or there: nothing was stored. With
   *   `applied: "unknown"` it may have been; sending it again may store it twice.
   */
  send(channel: string, message: NewQueueMessage, options?: CallOptions): Promise<SendResult>;
  /**
   * Sends messages to any queues, in order. Those that are valid are stored although others are not: look at each `error`.
   *
   * @param messages At least one.
   */
  sendBatch(messages: readonly (NewQueueMessage & { channel: string })[], options?: CallOptions): Promise<BatchResult[]>;
  /**
   * Takes messages, which are gone from the queue then: at most once. A caller that dies, an answer that is lost and an
   * answer above `maxMessageBytes` lose them. It comes back as soon as there are `limit`, else after the whole wait.
   */
  pull(channel: string, options?: PullOptions): Promise<QueueMessage[]>;
  /** As {@link Queues.pull}, and leaves them where they are. Messages that others hold are not shown. */
  peek(channel: string, options?: PullOptions): Promise<QueueMessage[]>;
  /** Removes what is in a queue and what comes during the wait, all of which it takes. @returns The number. */
  ackAll(channel: string, options?: AckAllOptions): Promise<bigint>;
  /**
   * Takes one message, which is ours until it is settled: it comes back to the queue when its time is over or the
   * connection is lost. It needs a tunnel, or an http2 carrier.
   *
   * @returns `undefined` when none came.
   */
  transaction(channel: string, options?: TransactionOptions): Promise<QueueTransaction | undefined>;
  /**
   * Receives messages with leases: each is ours until it is settled, and is handed out again when its connection is lost:
   * at least once. The next messages are asked for when all of the last are settled. With `autoAck` at most once.
   *
   * It needs a tunnel, or an http2 carrier. A 2.4 broker that is killed, not one that is stopped, loses for good what is held.
   */
  receive(channel: string, options?: ReceiveOptions): QueueReceiver;
  /**
   * What the broker says of its queues, or of one.
   *
   * @throws {MillraceError} `unsupported` for a broker that does not say.
   */
  info(channel?: string, options?: CallOptions): Promise<QueueInfo[]>;
}

/** Queues over a client. */
export function queues(client: HasBroker): Queues {
  const broker = brokerOf(client);
  return {
    send: (channel, message, options = {}) => send(broker, channel, message, options),
    sendBatch: (messages, options = {}) => sendBatch(broker, messages, options),
    pull: (channel, options = {}) => pull(broker, channel, options, false),
    peek: (channel, options = {}) => pull(broker, channel, options, true),
    ackAll: (channel, options = {}) => ackAll(broker, channel, options),
    transaction: (channel, options = {}) => openTransaction(broker, channel, options),
    receive: (channel, options = {}) => receive(broker, channel, options),
    info: (channel, options = {}) => info(broker, channel, options),
  };
}

async function send(broker: Broker, channel: string, message: NewQueueMessage, options: CallOptions): Promise<SendResult> {
  const bytes = WireQueueMessage.encode(toWireQueueMessage(broker, channelName(channel, "channel", "stored"), message, "message")).finish();
  const { error, ...result } = fromWireResult(await ask(broker, kubemqMethods.sendQueueMessage, bytes, SendQueueMessageResult, options));
  if (error !== undefined) throw error;
  return result;
}

async function sendBatch(broker: Broker, messages: readonly (NewQueueMessage & { channel: string })[], options: CallOptions): Promise<BatchResult[]> {
  if (!Array.isArray(messages) || messages.length === 0) throw wrong("messages", messages, "must be an array of at least one message");
  const all = Array.from(messages as (NewQueueMessage & { channel: string })[], (message, index) => {
    const path = `messages[${index}]`;
    if (typeof message !== "object" || message === null) throw wrong(path, message, "must be an object");
    return toWireQueueMessage(broker, channelName(message.channel, `${path}.channel`, "stored"), message, path, ["channel"]);
  });
  const bytes = QueueMessagesBatchRequest.encode({ BatchID: randomUuid(), Messages: all }).finish();
  const { Results } = await ask(broker, kubemqMethods.sendQueueMessagesBatch, bytes, QueueMessagesBatchResponse, options);
  return Results.map(fromWireResult);
}

async function pull(broker: Broker, channel: string, options: PullOptions, IsPeak: boolean): Promise<QueueMessage[]> {
  checkCallOptions(options, "kubemq", ["limit", "waitMs"]);
  const { limit, waitMs, ...call } = options;
  const wait = integer(waitMs, "options.waitMs", 1_000, MAX_WAIT_MS, 1_000);
  const bytes = ReceiveQueueMessagesRequest.encode({
    RequestID: randomUuid(), ClientID: broker.clientId, Channel: channelName(channel, "channel", "stored"),
    MaxNumberOfMessages: integer(limit, "options.limit", 1, 1_024, 1), WaitTimeSeconds: Math.ceil(wait / 1_000), IsPeak,
  }).finish();
  const { IsError, Error: text, Messages } = await ask(broker, kubemqMethods.receiveQueueMessages, bytes, ReceiveQueueMessagesResponse, waiting(call, wait));
  if (IsError) throw errorOfText(text, "unknown");
  return Messages.map(fromWireQueueMessage);
}

async function ackAll(broker: Broker, channel: string, options: AckAllOptions): Promise<bigint> {
  checkCallOptions(options, "kubemq", ["waitMs"]);
  const { waitMs, ...call } = options;
  const wait = integer(waitMs, "options.waitMs", 1_000, MAX_WAIT_MS, 1_000);
  const bytes = AckAllQueueMessagesRequest.encode({
    RequestID: randomUuid(), ClientID: broker.clientId, Channel: channelName(channel, "channel", "stored"), WaitTimeSeconds: Math.ceil(wait / 1_000),
  }).finish();
  const { IsError, Error: text, AffectedMessages } = await ask(broker, kubemqMethods.ackAllQueueMessages, bytes, AckAllQueueMessagesResponse, waiting(call, wait));
  if (IsError) throw errorOfText(text, "unknown");
  return AffectedMessages;
}

async function info(broker: Broker, channel: string | undefined, options: CallOptions): Promise<QueueInfo[]> {
  const bytes = QueuesInfoRequest.encode({ RequestID: randomUuid(), QueueName: channel === undefined ? "" : channelName(channel, "channel", "stored") }).finish();
  const { Info } = await ask(broker, kubemqMethods.queuesInfo, bytes, QueuesInfoResponse, options);
  return (Info?.Queues ?? []).map(({ Name, Messages, Bytes, FirstSequence, LastSequence, Sent, Delivered, Waiting, Subscribers }) => ({
    name: Name, messages: Messages, bytes: Bytes, firstSequence: FirstSequence, lastSequence: LastSequence, sent: Sent, delivered: Delivered, waiting: Waiting, subscribers: Subscribers,
  }));
}

/** The broker takes its whole wait, so that a call must have more. */
function waiting(options: CallOptions, waitMs: number): CallOptions {
  return { ...options, timeoutMs: options.timeoutMs ?? waitMs + MORE_MS };
}
