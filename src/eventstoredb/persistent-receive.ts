import { checkInteger } from "../core/arguments.js";
import { deferred } from "../core/deferred.js";
import { asyncDispose } from "../core/dispose.js";
import { MillraceError } from "../core/errors.js";
import { startTimer } from "../core/signal.js";
import { resuming, type OpenedFeed } from "../core/subscription.js";
import { platformClock } from "../core/wake.js";
import { checkCallOptions } from "../carrier/call-options.js";
import type { Connection } from "../carrier/connection.js";
import { openDuplex, type Duplex } from "../carrier/duplex.js";
import { eventstoredbMethods } from "../wire/methods.js";
import { ReadReq } from "../../gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions.js";
import { wrong } from "./check.js";
import { settlementsOver, type Settlements } from "./persistent-settle.js";
import type { NackAction, PersistentEvent, PersistentSubscription, ReceiveOptions } from "./persistent-types.js";
import { readPersistent, type PersistentMessage } from "./persistent-views.js";
import { sourceOf } from "./persistent-wire.js";
import type { Store } from "./store.js";
import { isPassing, policyOf } from "./subscribe.js";
import type { EventView } from "./views.js";

/** How long a server gets to take the last settlements of a call before that is left, in milliseconds: it confirms none. */
const CLOSE_MS = 250;

/** How many events a client remembers that it handed out, for each group. */
const REMEMBERED = 10_000;

const MAX_REASON = 4_096;

const ACTIONS: readonly NackAction[] = ["park", "retry", "skip", "stop"];

/**
 * Reads as one of a group. Nothing is sent before it is iterated.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options; nothing is sent.
 */
export function receive<Data>(store: Store<Data>, source: string, group: string, options: ReceiveOptions): PersistentSubscription<Data> {
  checkCallOptions(options, "eventstoredb", ["bufferSize"]);
  const bufferSize = checkInteger("options.bufferSize", options.bufferSize ?? 10, 1, 5_000, "eventstoredb");
  const { headers, signal } = options;
  const { connection } = store;
  const known = handedOut(connection, `${source}::${group}`);
  const request = ReadReq.encode({ content: { $case: "options", value: { groupName: group, bufferSize, streamOption: sourceOf(source), uuidOption: { content: { $case: "string", value: {} } } } } }).finish();
  const leaving = new Set<Promise<void>>();
  let subscriptionId: string | undefined;
  let mayPassLater = false;

  const open = async (_after: unknown, ending: AbortSignal): Promise<OpenedFeed<PersistentEvent<Data>, bigint>> => {
    const duplex = openDuplex(connection, eventstoredbMethods.persistentRead, { headers });
    duplex.send(request).catch(() => {});
    const first = await confirmed<Data>(store, duplex, ending);
    subscriptionId = first.subscriptionId;
    mayPassLater = true;
    const lease: Lease = { known, settlements: settlementsOver(duplex, bufferSize), lost: false };
    const hand = ({ event, retryCount }: Handed<Data>): PersistentEvent<Data> => eventOf(lease, event, retryCount);
    let held: PersistentEvent<Data>[] | undefined = first.events.map(hand);
    return {
      after: undefined,
      caughtUpAt: () => true,
      async next() {
        if (held !== undefined && held.length > 0) {
          const events = held;
          held = undefined;
          return events;
        }
        // The server may be waiting for these before it hands out more.
        void lease.settlements.flush();
        try {
          const chunk = await duplex.next();
          return chunk === undefined ? lost(lease) : readPersistent(chunk, store.codec).filter((message) => message.event !== undefined).map(hand);
        } catch (error) {
          lost(lease);
          throw error;
        }
      },
      close() {
        const left = leave(lease, duplex).finally(() => leaving.delete(left));
        leaving.add(left);
      },
    };
  };

  const base = resuming<PersistentEvent<Data>, bigint>(
    { open, positionOf: () => 0n, isFinal: (error) => !isPassing(error, mayPassLater) },
    { after: undefined, policy: policyOf(store.retry), clock: platformClock, signal, closed: connection.closed },
  );
  const close = async (): Promise<void> => {
    await base.close();
    await Promise.all(leaving);
  };
  return {
    get state() { return base.state; },
    get subscriptionId() { return subscriptionId; },
    get opened() { return base.opened; },
    onStateChange: (listener) => base.onStateChange(listener),
    batches: () => ours(base.batches(), (batch) => batch.filter(handOut), (batch) => batch.length > 0, close),
    [Symbol.asyncIterator]: () => ours(base.values(), (event) => event, handOut, close),
    close,
    [asyncDispose]: close,
  };
}

/** One call: what was handed out in it can be settled in it alone. */
interface Lease {
  readonly known: Set<string>;
  readonly settlements: Settlements;
  lost: boolean;
}

type Handed<Data> = Extract<PersistentMessage<Data>, { readonly retryCount: number }>;

/** The call's first messages: the server says who the reader is, however long nothing else comes. */
async function confirmed<Data>({ connection, codec }: Store<Data>, duplex: Duplex, ending: AbortSignal): Promise<{ subscriptionId: string; events: Handed<Data>[] }> {
  const { connectTimeoutMs } = connection;
  const late = deferred<never>();
  const fail = (error: unknown): void => {
    duplex.leave(error);
    late.reject(error);
  };
  const stop = startTimer(connectTimeoutMs, () => fail(new MillraceError("timeout", `The server has not confirmed the subscription within ${connectTimeoutMs} ms`, { system: "eventstoredb" })));
  const ended = (): void => fail(ending.reason);
  ending.addEventListener("abort", ended, { once: true });
  if (ending.aborted) ended();
  try {
    const chunk = await Promise.race([duplex.next(), late.promise]);
    const messages = chunk === undefined ? [] : readPersistent(chunk, codec);
    const [first, ...rest] = messages;
    if (first === undefined || first.event !== undefined) throw new MillraceError("unavailable", "The server ended the call before it confirmed it", { system: "eventstoredb" });
    return { subscriptionId: first.subscriptionId, events: rest.filter((message): message is Handed<Data> => message.event !== undefined) };
  } catch (error) {
    duplex.leave(error);
    throw error;
  } finally {
    stop();
    ending.removeEventListener("abort", ended);
  }
}

/** Ends a call that is lost. */
function lost(lease: Lease): undefined {
  lease.lost = true;
}

/** Leaves a call, but not before the server can have taken what was settled in it. */
async function leave(lease: Lease, duplex: Duplex): Promise<void> {
  const reason = new MillraceError("unavailable", "The subscription is closed", { system: "eventstoredb" });
  if (!lease.lost) {
    lease.lost = true;
    await Promise.race([lease.settlements.flush(), pause(CLOSE_MS)]);
    duplex.end();
    await pause(CLOSE_MS);
  }
  duplex.leave(reason);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void startTimer(ms, resolve));
}

/** Notes that an event is handed out; false where its call is lost already, so that it comes again. */
const handingOut = /* @__PURE__ */ new WeakMap<object, () => boolean>();

function handOut(event: object): boolean {
  return handingOut.get(event)?.() === true;
}

/** An event that can be settled by the id of what was read: of the link where there is one. */
function eventOf<Data>(lease: Lease, view: EventView<Data>, retryCount: number): PersistentEvent<Data> {
  const { id } = view.link ?? view;
  let settled = false;
  const settle = (how: (settlements: Settlements) => void): boolean => {
    if (settled) throw new MillraceError("conflict", "The event is settled", { system: "eventstoredb" });
    settled = true;
    if (!lease.lost) how(lease.settlements);
    return !lease.lost;
  };
  const event = Object.assign(view, {
    retryCount,
    redelivered: retryCount > 0 || lease.known.has(id),
    ack: () => settle(({ ack }) => ack(id)),
    nack: (action: NackAction, reason = "") => {
      if (!ACTIONS.includes(action)) throw wrong("action", action, `must be one of ${ACTIONS.map((each) => `"${each}"`).join(", ")}`);
      if (typeof reason !== "string" || reason.length > MAX_REASON) throw wrong("reason", reason, `must be a string of at most ${MAX_REASON} characters`);
      return settle(({ nack }) => nack(id, action, reason));
    },
  });
  handingOut.set(event, () => {
    if (lease.lost) return false;
    remember(lease.known, id);
    return true;
  });
  return event;
}

/** What is still ours when it is its turn. Who leaves has settled what they will: the next reader comes after `close`. */
function ours<T, U>(source: AsyncIterableIterator<T>, map: (value: T) => U, keep: (value: U & object) => boolean, close: () => Promise<void>): AsyncIterableIterator<U> {
  return {
    [Symbol.asyncIterator]() { return this; },
    async next() {
      for (;;) {
        const result = await source.next();
        if (result.done === true) return result;
        const value = map(result.value);
        if (keep(value as U & object)) return { done: false, value };
      }
    },
    return: async () => {
      await close();
      return { done: true, value: undefined };
    },
  };
}

/** Ids of what was handed out, by client and group. */
const handedOutBy = /* @__PURE__ */ new WeakMap<Connection, Map<string, Set<string>>>();

function handedOut(connection: Connection, key: string): Set<string> {
  const groups = handedOutBy.get(connection) ?? new Map<string, Set<string>>();
  handedOutBy.set(connection, groups);
  const known = groups.get(key) ?? new Set<string>();
  groups.set(key, known);
  return known;
}

function remember(known: Set<string>, id: string): void {
  known.add(id);
  if (known.size <= REMEMBERED) return;
  for (const oldest of known) {
    known.delete(oldest);
    return;
  }
}
