import { invalidArgument } from "../core/arguments.js";
import { abortable } from "../core/signal.js";
import type { MethodKind } from "../wire/call-kinds.js";
import type { CarrierCall } from "./types.js";

/**
 * All messages of a call, for a carrier that sends them at once.
 *
 * @param signal Ends the wait for the next message, and tells their source that no more is wanted.
 * @throws {MillraceError} `invalid_argument` for what is no bytes, and for a number of messages that the kind does not have.
 */
export async function collectMessages({ kind, messages }: CarrierCall, signal: AbortSignal): Promise<Uint8Array[]> {
  const collected = Array.isArray(messages) ? (messages as Uint8Array[]) : await drain(messages, signal);
  collected.forEach((message, index) => {
    if (!(message instanceof Uint8Array)) throw invalidArgument(`messages[${index}]`, message, "must be a Uint8Array");
  });
  if (takesOne(kind) && collected.length !== 1) throw invalidArgument("messages", collected, `must hold exactly one message for a call of kind ${kind}`);
  return collected;
}

function takesOne(kind: MethodKind): boolean {
  return kind === "unary" || kind === "server";
}

async function drain(messages: CarrierCall["messages"], signal: AbortSignal): Promise<Uint8Array[]> {
  const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  const collected: Uint8Array[] = [];
  let ended = false;
  try {
    while (!ended) {
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      if (next.done === true) ended = true;
      else collected.push(next.value);
    }
    return collected;
  } finally {
    // Not waited for: a generator that waits for something itself would hold up an abort.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
