import { fetchCarrier } from "millrace/carrier";
import {
  AppendConditionError, decide, UmaDb, type NewEvent, type PayloadCodec, type Query, type ReceivedEvent, type SequencedEvent, type SubscriptionState,
} from "millrace/umadb";

const url = "https://gateway.example";
const query: Query = { items: [{ types: ["Reserved"], tags: ["seat:7"] }] };
const event: NewEvent = { type: "Reserved", tags: ["seat:7"], data: new Uint8Array(0) };

export const clients: readonly UmaDb[] = [
  new UmaDb({ url }),
  new UmaDb({ carrier: fetchCarrier({ url }) }),
  new UmaDb({ url, headers: async ({ refresh }) => ({ authorization: refresh ? "new" : "old" }), retry: false, timeoutMs: 5_000 }),
  // @ts-expect-error An option that does not exist.
  new UmaDb({ url, timeout: 5_000 }),
  // @ts-expect-error It must reach a store somehow.
  new UmaDb(),
];

export async function appends(db: UmaDb): Promise<bigint> {
  await db.append([event], { condition: { failIfEventsMatch: query, after: 7n }, trackingInfo: { source: "other", position: 7n }, timeoutMs: 1_000 });
  await db.append([{ ...event, metadata: new Map([["user", "7"]]) }, { type: "Empty", data: new Uint8Array(0) }]);
  // @ts-expect-error A list of events, not one.
  await db.append(event);
  // @ts-expect-error Positions are bigint.
  await db.append([event], { condition: { after: 7 } });
  // @ts-expect-error Without a codec payloads are bytes.
  return db.append([{ type: "Reserved", data: { seat: 7 } }]);
}

export async function reads(db: UmaDb): Promise<SequencedEvent[]> {
  const read = db.read(query, { start: 7n, backwards: true, limit: 10 });
  for await (const { position, event: { type, tags, data, metadata } } of read) {
    const all: [bigint, string, readonly string[], Uint8Array, string | undefined] = [position, type, tags, data, metadata["user"]];
    void all;
  }
  for await (const batch of db.read(query).batches()) {
    const events: readonly ReceivedEvent[] = batch;
    void events;
  }
  const head: bigint | undefined = await read.head();
  // @ts-expect-error An empty store has none.
  const certain: bigint = await read.head();
  // @ts-expect-error To follow is another method.
  db.read(query, { subscribe: true });
  // @ts-expect-error A tag alone is no query.
  db.read({ tags: ["seat:7"] });
  void [head, certain];
  return (await db.read().toArray()).map((received) => received.toObject());
}

export async function follows(db: UmaDb, signal: AbortSignal): Promise<bigint | undefined> {
  const subscription = db.subscribe(query, { after: "end", signal });
  const stop: () => void = subscription.onStateChange((state: SubscriptionState) => state.kind === "waiting" && state.cause);
  // @ts-expect-error The only word is "end".
  db.subscribe(query, { after: "start" });
  // @ts-expect-error There is no such state.
  void (subscription.state.kind === "open");
  for await (const { position } of subscription.values({ preventCancel: true })) if (position === 7n) break;
  stop();
  await subscription.close();
  return subscription.position;
}

export async function decides(db: UmaDb): Promise<bigint | undefined> {
  const { position } = await decide(db, query, (events, { head, attempt }) => (events.length > 0 && head !== undefined && attempt < 3 ? [] : [event]), { retries: 2 });
  // @ts-expect-error A decision is a list of events.
  await decide(db, query, () => event);
  return position;
}

interface Seat {
  readonly seat: number;
}

/** With a codec a payload has the type that it is decoded to, all the way. */
export async function typed(): Promise<number[]> {
  const codec: PayloadCodec<Seat> = {
    encode: ({ type, data: { seat } }) => ({ type, data: new Uint8Array([seat]) }),
    decode: ({ type, data: [seat = 0] }) => ({ type, data: { seat } }),
  };
  const db = new UmaDb({ url, codec });
  await db.append([{ type: "Reserved", data: { seat: 7 } }]);
  // @ts-expect-error The codec makes bytes of it, not the caller.
  await db.append([{ type: "Reserved", data: new Uint8Array(0) }]);
  return (await db.read().toArray()).map(({ event: { data } }) => data.seat);
}

export function conflict(error: unknown): string | undefined {
  return error instanceof AppendConditionError ? error.code : undefined;
}
