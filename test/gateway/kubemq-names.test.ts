import {
  AckAllQueueMessagesRequestSchema, EventSchema, QueueMessageSchema, QueueMessagesBatchRequestSchema, QueuesDownstreamRequestSchema, QueuesInfoRequestSchema, QueuesUpstreamRequestSchema, ReceiveQueueMessagesRequestSchema, RequestSchema, ResponseSchema, StreamQueueMessagesRequestSchema, SubscribeSchema,
} from "millrace/internal/gen/es/kubemq/kubemq_pb";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { describe, expect, it } from "vitest";
import { bytesOf } from "../support/bytes-of.js";
import { refusalOfNames } from "../../server/gateway/systems/kubemq/names.js";

const queueMessage = (name: string) => ({ Channel: name, Metadata: "m" });
const deadLettered = (name: string) => ({ Channel: "q", Policy: { MaxReceiveQueue: name } });

type Encode = (name: string) => Uint8Array;
/** Each place for a name: its method, its field, whether it is one of a stored channel or a queue, and a request. */
const PLACES: readonly (readonly [keyof typeof kubemqMethods, string, boolean, Encode])[] = [
  ["sendEvent", "Channel", false, (name) => bytesOf(EventSchema, { Channel: name })],
  ["sendEvent", "Channel", true, (name) => bytesOf(EventSchema, { Channel: name, Store: true })],
  ["sendEventsStream", "Channel", false, (name) => bytesOf(EventSchema, { Channel: name })],
  ["sendEventsStream", "Channel", true, (name) => bytesOf(EventSchema, { Channel: name, Store: true })],
  ["subscribeToEvents", "Channel", false, (name) => bytesOf(SubscribeSchema, { SubscribeTypeData: 1, Channel: name })],
  ["subscribeToEvents", "Channel", true, (name) => bytesOf(SubscribeSchema, { SubscribeTypeData: 2, Channel: name })],
  ["subscribeToEvents", "Group", false, (name) => bytesOf(SubscribeSchema, { SubscribeTypeData: 2, Channel: "c", Group: name })],
  ["subscribeToRequests", "Channel", false, (name) => bytesOf(SubscribeSchema, { SubscribeTypeData: 3, Channel: name })],
  ["subscribeToRequests", "Group", false, (name) => bytesOf(SubscribeSchema, { SubscribeTypeData: 3, Channel: "c", Group: name })],
  ["sendRequest", "Channel", false, (name) => bytesOf(RequestSchema, { Channel: name })],
  ["sendRequest", "ReplyChannel", false, (name) => bytesOf(RequestSchema, { Channel: "c", ReplyChannel: name })],
  ["sendResponse", "ReplyChannel", false, (name) => bytesOf(ResponseSchema, { ReplyChannel: name })],
  ["sendQueueMessage", "Channel", true, (name) => bytesOf(QueueMessageSchema, queueMessage(name))],
  ["sendQueueMessage", "MaxReceiveQueue", true, (name) => bytesOf(QueueMessageSchema, deadLettered(name))],
  ["sendQueueMessagesBatch", "Channel", true, (name) => bytesOf(QueueMessagesBatchRequestSchema, { Messages: [queueMessage("q"), queueMessage(name)] })],
  ["sendQueueMessagesBatch", "MaxReceiveQueue", true, (name) => bytesOf(QueueMessagesBatchRequestSchema, { Messages: [queueMessage("q"), deadLettered(name)] })],
  ["receiveQueueMessages", "Channel", true, (name) => bytesOf(ReceiveQueueMessagesRequestSchema, { Channel: name })],
  ["ackAllQueueMessages", "Channel", true, (name) => bytesOf(AckAllQueueMessagesRequestSchema, { Channel: name })],
  ["streamQueueMessage", "Channel", true, (name) => bytesOf(StreamQueueMessagesRequestSchema, { Channel: name })],
  ["streamQueueMessage", "Channel", true, (name) => bytesOf(StreamQueueMessagesRequestSchema, { ModifiedMessage: queueMessage(name) })],
  ["streamQueueMessage", "MaxReceiveQueue", true, (name) => bytesOf(StreamQueueMessagesRequestSchema, { ModifiedMessage: deadLettered(name) })],
  ["queuesDownstream", "Channel", true, (name) => bytesOf(QueuesDownstreamRequestSchema, { Channel: name })],
  ["queuesDownstream", "ReQueueChannel", true, (name) => bytesOf(QueuesDownstreamRequestSchema, { ReQueueChannel: name })],
  ["queuesUpstream", "Channel", true, (name) => bytesOf(QueuesUpstreamRequestSchema, { Messages: [queueMessage("q"), queueMessage(name)] })],
  ["queuesUpstream", "MaxReceiveQueue", true, (name) => bytesOf(QueuesUpstreamRequestSchema, { Messages: [queueMessage("q"), deadLettered(name)] })],
  ["queuesInfo", "QueueName", false, (name) => bytesOf(QueuesInfoRequestSchema, { QueueName: name })],
];

describe("names in requests to KubeMQ", () => {
  it("are looked for in every method that has one", () => {
    const covered = new Set(PLACES.map(([method]) => method));
    expect(Object.keys(kubemqMethods).filter((method) => !covered.has(method as keyof typeof kubemqMethods))).toEqual(["ping"]);
  });

  describe.each(PLACES)("%s.%s (stored: %s)", (method, field, stored, encode) => {
    const refusal = (name: string) => refusalOfNames(kubemqMethods[method].path, encode(name));

    it.each(["\n", "a\nb", "a\tb", "\0", "a\r\nb", "a\x1f", "a\x7fb"])("refuses %j", (name) => {
      expect(refusal(name)).toMatchObject({ status: 3, applied: "no", message: `\`${field}\` must have no control characters` });
    });

    it.each(["a/b", "a..b", ".a", "a."])("%j", (name) => {
      expect(refusal(name) !== undefined).toBe(stored);
    });

    it.each(["a", "", "a.b", "Größe:1;x", "a b", "日本語"])("lets %j pass", (name) => {
      expect(refusal(name)).toBeUndefined();
    });
  });

  it("are found in any occurrence of their field, whichever the broker takes", () => {
    const twice = Buffer.concat([bytesOf(EventSchema, { Channel: "a\nb" }), bytesOf(EventSchema, { Channel: "fine" })]);
    expect(refusalOfNames(kubemqMethods.sendEvent.path, twice)).toBeDefined();
    const storedLater = Buffer.concat([bytesOf(EventSchema, { Channel: "a/b" }), bytesOf(EventSchema, { Store: true })]);
    expect(refusalOfNames(kubemqMethods.sendEvent.path, storedLater)).toBeDefined();
  });

  it("cannot be hidden in what is no message", () => {
    expect(refusalOfNames(kubemqMethods.sendEvent.path, new Uint8Array([0x1a, 0xff]))).toMatchObject({ status: 3 });
  });
});
