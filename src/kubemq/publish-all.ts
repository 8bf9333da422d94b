import { MillraceError } from "../core/errors.js";
import { iterations } from "../core/iterations.js";
import type { CallOptions } from "../core/options.js";
import { startTimer } from "../core/signal.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { openDuplex, type Duplex } from "../carrier/duplex.js";
import { payloadsOf } from "../wire/frames.js";
import { kubemqMethods } from "../wire/methods.js";
import { Result } from "../../gen/static/kubemq/kubemq.js";
import { decode } from "./ask.js";
import type { Broker } from "./broker.js";
import { record, wrong } from "./check.js";
import { encodeEvent, MESSAGE_NAMES, toWireMessage } from "./convert.js";
import { errorOfText } from "./errors.js";
import type { NewMessage, PublishResult } from "./types.js";

/**
 * Publishes events over one call. Nothing is sent, and no event taken, before the first `next()`. `timeoutMs`, 30 000 by
 * default, is the longest wait for the broker where something is owed.
 *
 * @throws {MillraceError} `invalid_argument` for wrong arguments at once, for a wrong event when it is its turn.
 */
export function publishAll(
  broker: Broker, channel: string, source: Iterable<NewMessage> | AsyncIterable<NewMessage>, options: CallOptions, store: boolean,
): AsyncIterableIterator<PublishResult> {
  checkCallOptions(options, "kubemq");
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = Object(source) as Record<symbol, unknown>;
  if (typeof source !== "object" || (sync === undefined && async === undefined)) throw wrong("events", source, "must be an iterable of events");
  const { timeoutMs = broker.connection.timeoutMs ?? DEFAULT_TIMEOUT_MS, ...rest } = options;
  const results: PublishResult[] = [];
  let call: Duplex | undefined;
  let owed = 0;
  let over = false;

  const begin = (): Duplex => {
    const duplex = openDuplex(broker.connection, kubemqMethods.sendEventsStream, rest);
    send(duplex).then(() => duplex.end(), (error: unknown) => duplex.leave(error));
    return duplex;
  };

  const send = async (duplex: Duplex): Promise<void> => {
    let index = 0;
    for await (const event of source) {
      const path = `events[${index++}]`;
      record(event, path, MESSAGE_NAMES);
      await duplex.send(encodeEvent(broker, channel, toWireMessage(event, path), store));
      if (store) owed++;
    }
    // The broker's own end is owed too.
    owed++;
  };

  const receive = async (duplex: Duplex): Promise<void> => {
    const silent = (): void => {
      if (owed > 0) duplex.leave(new MillraceError("timeout", `The broker said nothing for ${timeoutMs} ms`, { system: "kubemq", applied: "unknown" }));
      else stop = startTimer(timeoutMs, silent);
    };
    // Plain events are silent when all is well, so that only their end is owed.
    let stop = startTimer(timeoutMs, silent);
    const chunk = await duplex.next().finally(() => stop());
    if (chunk === undefined) {
      over = true;
      if (store && owed > 1) throw new MillraceError("unavailable", "The broker ended the call before all results came", { system: "kubemq", applied: "unknown" });
      return;
    }
    for (const payload of payloadsOf(chunk)) {
      const { EventID: id, Sent, Error: text } = decode(Result, payload, "unknown");
      if (store) owed--;
      results.push(Sent ? { id } : { id, error: errorOfText(text, "unknown") });
    }
  };

  const fill = async (): Promise<PublishResult | undefined> => {
    while (results.length === 0 && !over) await receive(call ??= begin());
    return results.shift();
  };

  return iterations()(() => results.shift() ?? fill(), () => {
    over = true;
    call?.leave(new MillraceError("unavailable", "The call was left", { system: "kubemq" }));
  });
}
