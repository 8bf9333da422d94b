import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import { inTurn } from "../core/in-turn.js";
import { startTimer } from "../core/signal.js";
import { randomUuid } from "../core/uuid.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { openDuplex, type Duplex } from "../carrier/duplex.js";
import { payloadsOf } from "../wire/frames.js";
import { kubemqMethods } from "../wire/methods.js";
import { StreamQueueMessagesRequest, StreamQueueMessagesResponse, StreamRequestType as Type } from "../../gen/static/kubemq/kubemq.js";
import { decode } from "./ask.js";
import type { Broker } from "./broker.js";
import { channelName, integer } from "./check.js";
import { fromWireQueueMessage, toWireQueueMessage } from "./convert-queue.js";
import { errorOfText } from "./errors.js";
import type { NewQueueMessage, QueueMessage, TransactionOptions } from "./queue-types.js";

/**
 * One message that is ours until it is settled. `ack`, `reject`, `resend` and `modify` settle it; once it is settled, or
 * its time is over, all of them say `conflict`.
 */
export interface QueueTransaction {
  /** The message. */
  readonly message: QueueMessage;
  /** Removes it. @throws {MillraceError} `conflict` when its time was over: it is in the queue again. */
  ack(): Promise<void>;
  /** Puts it at the end of the queue, counted once more, or into its dead-letter queue. */
  reject(): Promise<void>;
  /** Makes it ours for so long from now, in milliseconds; whole seconds, 43 200 000 at most. */
  extend(visibilityMs: number): Promise<void>;
  /** Removes it and sends it to another queue, as if it were new. */
  resend(channel: string): Promise<void>;
  /** Removes it and sends another in its place, to the same queue unless that says otherwise. */
  modify(message: NewQueueMessage & { channel?: string | undefined }): Promise<void>;
  /** Gives it back, if it is not settled. Idempotent. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

type Request = Partial<StreamQueueMessagesRequest> & { readonly StreamRequestTypeData: Type };

const MAX_WAIT_MS = 3_600_000;
const MAX_VISIBILITY_MS = 43_200_000;
const MORE_MS = 5_000;

/** Takes one message of a queue. */
export async function openTransaction(broker: Broker, channel: string, options: TransactionOptions): Promise<QueueTransaction | undefined> {
  checkCallOptions(options, "kubemq", ["visibilityMs", "waitMs"]);
  const { visibilityMs, waitMs, timeoutMs = DEFAULT_TIMEOUT_MS, ...call } = options;
  const Channel = channelName(channel, "channel", "stored");
  const wait = integer(waitMs, "options.waitMs", 1_000, MAX_WAIT_MS, 1_000);
  const VisibilitySeconds = seconds(integer(visibilityMs, "options.visibilityMs", 1_000, MAX_VISIBILITY_MS, 60_000));
  const duplex = openDuplex(broker.connection, kubemqMethods.streamQueueMessage, call);
  const exchange = exchangeOver(broker, duplex);
  try {
    const { Message } = await exchange({ StreamRequestTypeData: Type.ReceiveMessage, Channel, VisibilitySeconds, WaitTimeSeconds: seconds(wait) }, wait + MORE_MS);
    if (Message === undefined) throw new MillraceError("protocol", "The broker sent no message", { system: "kubemq" });
    return transactionOf(broker, Channel, fromWireQueueMessage(Message), duplex, (request) => exchange(request, timeoutMs));
  } catch (error) {
    duplex.leave(error);
    if (error instanceof MillraceError && error.message.startsWith("Error 138:")) return undefined;
    throw error;
  }
}

function transactionOf(broker: Broker, channel: string, message: QueueMessage, duplex: Duplex, exchange: (request: Request) => Promise<unknown>): QueueTransaction {
  const turn = inTurn();
  let settled = false;
  const leave = (): void => {
    settled = true;
    duplex.leave(overError());
  };
  const act = (request: Request, settles = true): Promise<void> => turn(async () => {
    if (settled) throw overError();
    await exchange({ Channel: channel, RefSequence: message.sequence, ...request });
    if (settles) leave();
  });
  const close = async (): Promise<void> => leave();
  return {
    message,
    ack: () => act({ StreamRequestTypeData: Type.AckMessage }),
    reject: () => act({ StreamRequestTypeData: Type.RejectMessage }),
    extend: async (ms) => act({ StreamRequestTypeData: Type.ModifyVisibility, VisibilitySeconds: seconds(integer(ms, "visibilityMs", 1_000, MAX_VISIBILITY_MS, 0)) }, false),
    resend: async (to) => act({ StreamRequestTypeData: Type.ResendMessage, Channel: channelName(to, "channel", "stored") }),
    modify: async (other) => {
      const { channel: to = channel } = Object(other) as { channel?: string };
      const ModifiedMessage = toWireQueueMessage(broker, channelName(to, "message.channel", "stored"), other, "message", ["channel"]);
      return act({ StreamRequestTypeData: Type.SendModifiedMessage, ModifiedMessage });
    },
    close,
    [asyncDispose]: close,
  };
}

/** Sends a request and waits for its reply, one at a time. An error that ended the message's time may answer any. */
function exchangeOver({ clientId }: Broker, duplex: Duplex): (request: Request, timeoutMs: number) => Promise<StreamQueueMessagesResponse> {
  const replies: StreamQueueMessagesResponse[] = [];
  return async (request, timeoutMs) => {
    const RequestID = randomUuid();
    const stop = startTimer(timeoutMs, () => duplex.leave(new MillraceError("timeout", `The broker did not answer within ${timeoutMs} ms`, { system: "kubemq", applied: "unknown" })));
    try {
      await duplex.send(StreamQueueMessagesRequest.encode({
        Channel: "", VisibilitySeconds: 0, WaitTimeSeconds: 0, RefSequence: 0n, ModifiedMessage: undefined, ...request, RequestID, ClientID: clientId,
      }).finish());
      for (;;) {
        while (replies.length === 0) {
          const chunk = await duplex.next();
          if (chunk === undefined) throw overError();
          replies.push(...payloadsOf(chunk).map((payload) => decode(StreamQueueMessagesResponse, payload, "unknown")));
        }
        const reply = replies.shift() as StreamQueueMessagesResponse;
        if (reply.IsError) throw errorOfText(reply.Error, "unknown");
        if (reply.RequestID === RequestID) return reply;
      }
    } finally {
      stop();
    }
  };
}

function overError(): MillraceError {
  return new MillraceError("conflict", "The message is no longer held: it was settled, or its time is over", { system: "kubemq" });
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
