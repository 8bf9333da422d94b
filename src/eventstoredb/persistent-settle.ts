import { startTimer } from "../core/signal.js";
import type { Duplex } from "../carrier/duplex.js";
import { ReadReq, ReadReq_Nack_Action } from "../../gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions.js";
import type { NackAction } from "./persistent-types.js";

/** How long a settlement may wait for others, in milliseconds. */
const DELAY_MS = 10;

const ACTIONS: Readonly<Record<NackAction, ReadReq_Nack_Action>> = {
  park: ReadReq_Nack_Action.Park, retry: ReadReq_Nack_Action.Retry, skip: ReadReq_Nack_Action.Skip, stop: ReadReq_Nack_Action.Stop,
};

/** What one call settles; several events go in one message. */
export interface Settlements {
  ack(id: string): void;
  nack(id: string, action: NackAction, reason: string): void;
  /** Sends what is waiting. Resolves when the carrier has taken all that was ever settled. */
  flush(): Promise<void>;
}

/**
 * Collects what a reader settles. It is sent when half of what the reader may hold is settled, since the server hands
 * out more only then, when the reader waits for events, and after some milliseconds at the latest.
 */
export function settlementsOver(duplex: Pick<Duplex, "send">, bufferSize: number): Settlements {
  const most = Math.max(1, Math.floor(bufferSize / 2));
  /** By what becomes of them; acks have no action. */
  let waiting = new Map<string, { readonly action: NackAction | undefined; readonly reason: string; readonly ids: string[] }>();
  let count = 0;
  let sent: Promise<unknown> = Promise.resolve();
  let stop: (() => void) | undefined;

  const flush = async (): Promise<void> => {
    stop?.();
    stop = undefined;
    const groups = [...waiting.values()];
    waiting = new Map();
    count = 0;
    // What the call does not take any more is handed out again.
    for (const group of groups) sent = Promise.allSettled([sent, duplex.send(requestOf(group))]);
    await sent;
  };

  const settle = (id: string, action: NackAction | undefined, reason: string): void => {
    const key = `${action}:${reason}`;
    const group = waiting.get(key);
    if (group === undefined) waiting.set(key, { action, reason, ids: [id] });
    else group.ids.push(id);
    if (++count >= most) void flush();
    else stop ??= startTimer(DELAY_MS, () => void flush());
  };

  return {
    flush,
    ack: (id) => settle(id, undefined, ""),
    nack: settle,
  };
}

function requestOf({ action, reason, ids }: { action: NackAction | undefined; reason: string; ids: readonly string[] }): Uint8Array {
  const settled = { id: new Uint8Array(0), ids: ids.map((value) => ({ value: { $case: "string" as const, value } })) };
  return ReadReq.encode({ content: action === undefined ? { $case: "ack", value: settled } : { $case: "nack", value: { ...settled, action: ACTIONS[action], reason } } }).finish();
}
