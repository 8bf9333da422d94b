import type { AckAllQueueMessagesRequest, QueueMessage, ReceiveQueueMessagesRequest } from "millrace/internal/gen/static/kubemq/kubemq";
import { hasControl, isStorable, texts } from "./checks.js";

const MAX_SECONDS = 43_200;
const MAX_WAIT_SECONDS = 3_600;
const MAX_MESSAGES = 1_024;
/** How often a message may be delivered at most, and is when it does not say. */
export const MAX_RECEIVE_COUNT = 1_024;

/** Texts of the broker for queues. */
export const queueTexts = {
  name: "Error 120: invalid queue name value, cannot be empty, contains wildcards ,white spaces and end with dot",
  cannotSubscribe: "Error 121: cannot subscribe to a queue",
  maxMessages: "Error 122: max messages should be between 1 and max message setting in kubemq config  ",
  expiration: "Error 133: invalid expiration seconds, exceed max expiration seconds setting in kubemq config",
  receiveCount: "Error 134: invalid max received count, cannot be negative or exceed max receive count setting in kubemq config",
  delay: "Error 135: invalid delay seconds, exceed max delay seconds setting in kubemq config",
  wait: "Error 136: invalid wait timeout, value cannot be negative or exceed max wait timeout seconds setting in kubemq config",
  refused: "stan: invalid publish request",
} as const;

function isQueueName(name: string): boolean {
  // A real broker never answers what has control characters.
  return name !== "" && !/[*> ]/.test(name) && !name.endsWith(".") && !hasControl(name);
}

const beyond = (value: number, most: number): boolean => value < 0 || value > most;

/** What is wrong with a message to be queued, if anything; the first fault in the broker's order. */
export function messageFault({ ClientID, Channel, Metadata, Body, Policy }: QueueMessage): string | undefined {
  if (ClientID === "") return texts.clientId;
  if (!isQueueName(Channel)) return queueTexts.name;
  if (Metadata === "" && Body.length === 0) return texts.emptyMessage;
  if (Policy !== undefined) {
    if (beyond(Policy.ExpirationSeconds, MAX_SECONDS)) return queueTexts.expiration;
    if (beyond(Policy.MaxReceiveCount, MAX_RECEIVE_COUNT)) return queueTexts.receiveCount;
    if (beyond(Policy.DelaySeconds, MAX_SECONDS)) return queueTexts.delay;
    if (Policy.MaxReceiveQueue !== "" && !isQueueName(Policy.MaxReceiveQueue)) return queueTexts.name;
  }
  return isStorable(Channel) ? undefined : queueTexts.refused;
}

/** What is wrong with a receive, if anything. */
export function receiveFault(request: ReceiveQueueMessagesRequest): string | undefined {
  const { ClientID, Channel, MaxNumberOfMessages } = request;
  if (ClientID === "") return texts.clientId;
  if (!isQueueName(Channel)) return queueTexts.name;
  if (MaxNumberOfMessages < 1 || MaxNumberOfMessages > MAX_MESSAGES) return queueTexts.maxMessages;
  return waitFault(request);
}

/** What is wrong with an ack-all, if anything. */
export function ackAllFault(request: AckAllQueueMessagesRequest): string | undefined {
  if (request.ClientID === "") return texts.clientId;
  return isQueueName(request.Channel) ? waitFault(request) : queueTexts.name;
}

function waitFault({ Channel, WaitTimeSeconds }: { readonly Channel: string; readonly WaitTimeSeconds: number }): string | undefined {
  if (beyond(WaitTimeSeconds, MAX_WAIT_SECONDS)) return queueTexts.wait;
  return isStorable(Channel) ? undefined : queueTexts.cannotSubscribe;
}
