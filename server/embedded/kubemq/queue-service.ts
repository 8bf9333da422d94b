import {
  AckAllQueueMessagesRequest, AckAllQueueMessagesResponse, QueueMessage, QueueMessagesBatchRequest, QueueMessagesBatchResponse, QueuesInfoRequest,
  QueuesInfoResponse, QueuesUpstreamRequest, QueuesUpstreamResponse, ReceiveQueueMessagesRequest, ReceiveQueueMessagesResponse, SendQueueMessageResult,
} from "millrace/internal/gen/static/kubemq/kubemq";
import { onAbort } from "millrace/internal/core/signal";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { StatusError, type ServiceMethod } from "../service.js";
import { newId } from "./ids.js";
import { decoded, only } from "./messages.js";
import { ackAllFault, receiveFault } from "./queue-checks.js";
import type { Queues } from "./queues.js";

const UNKNOWN = 2;

/** A wait of no seconds is one of one. */
const waitMsOf = (seconds: number): number => (seconds === 0 ? 1 : seconds) * 1_000;

/** The methods of queues, but for those that hold messages for a receiver. */
export function queueMethods(queues: Queues): [path: string, method: ServiceMethod][] {
  return [
    [kubemqMethods.sendQueueMessage.path, async function* (messages) {
      yield SendQueueMessageResult.encode(queues.send(await only(messages, QueueMessage))).finish();
    }],
    [kubemqMethods.sendQueueMessagesBatch.path, async function* (messages) {
      const { BatchID, Messages } = await only(messages, QueueMessagesBatchRequest);
      if (Messages.length === 0) throw new StatusError(UNKNOWN, "empty messages batch");
      // The flag stays down whatever the results say, as the real broker's does.
      yield QueueMessagesBatchResponse.encode({ BatchID, Results: Messages.map((message) => queues.send(message)), HaveErrors: false }).finish();
    }],
    [kubemqMethods.queuesUpstream.path, async function* (messages, { signal }) {
      for await (const bytes of messages) {
        const { RequestID: RefRequestID, Messages } = decoded(QueuesUpstreamRequest, bytes);
        const none = Messages.length === 0;
        yield QueuesUpstreamResponse.encode({ RefRequestID, Results: Messages.map((message) => queues.send(message)), IsError: none, Error: none ? "no messages to send" : "" }).finish();
      }
      // A caller that is done sending has not ended the call.
      await new Promise<void>((resolve) => void onAbort(signal, () => resolve()));
    }],
    [kubemqMethods.receiveQueueMessages.path, async function* (messages, { signal }) {
      const request = await only(messages, ReceiveQueueMessagesRequest);
      yield ReceiveQueueMessagesResponse.encode(await receive(queues, request, signal)).finish();
    }],
    [kubemqMethods.ackAllQueueMessages.path, async function* (messages, { signal }) {
      const request = await only(messages, AckAllQueueMessagesRequest);
      const fault = ackAllFault(request);
      const affected = fault === undefined ? await queues.ackAll(request.Channel, waitMsOf(request.WaitTimeSeconds), signal) : 0;
      yield AckAllQueueMessagesResponse.encode({ RequestID: request.RequestID || newId(), AffectedMessages: BigInt(affected), IsError: fault !== undefined, Error: fault ?? "" }).finish();
    }],
    [kubemqMethods.queuesInfo.path, async function* (messages) {
      const { RequestID: RefRequestID, QueueName } = await only(messages, QueuesInfoRequest);
      const Queues = queues.info(QueueName === "" ? [] : QueueName.split(";"));
      const sum = (of: "Sent" | "Delivered" | "Waiting"): bigint => Queues.reduce((total, queue) => total + queue[of], 0n);
      yield QueuesInfoResponse.encode({ RefRequestID, Info: { TotalQueue: Queues.length, Sent: sum("Sent"), Delivered: sum("Delivered"), Waiting: sum("Waiting"), Queues } }).finish();
    }],
  ];
}

async function receive(queues: Queues, request: ReceiveQueueMessagesRequest, signal: AbortSignal): Promise<ReceiveQueueMessagesResponse> {
  const { Channel, MaxNumberOfMessages, WaitTimeSeconds, IsPeak } = request;
  const fault = receiveFault(request);
  const answer = { RequestID: request.RequestID || newId(), Messages: [], MessagesReceived: 0, MessagesExpired: 0, IsPeak, IsError: false, Error: "" };
  if (fault !== undefined) return { ...answer, IsError: true, Error: fault };
  const { messages, expired } = await queues[IsPeak ? "peek" : "take"](Channel, MaxNumberOfMessages, waitMsOf(WaitTimeSeconds), signal);
  return { ...answer, Messages: messages, MessagesReceived: messages.length, MessagesExpired: expired };
}
