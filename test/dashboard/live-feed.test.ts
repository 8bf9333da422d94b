import { MillraceError } from "millrace";
import type { Read, SequencedEvent, SubscriptionState, UmaDbSubscription } from "millrace/umadb";
import { describe, expect, it } from "vitest";
import { followStore, type FeedSink, type FeedSource, type FeedState, type LiveFeed } from "../../server/dashboard/model/live-feed.js";
import type { StoredEvent } from "../../server/dashboard/model/stored-event.js";

/** A store in memory whose subscriptions a test breaks and mends. */
class FakeStore implements FeedSource {
  length = 0;
  /** What `head()` fails with, as often as there are entries. */
  readonly failures: unknown[] = [];
  readonly subscriptions: FakeSubscription[] = [];

  async head(): Promise<bigint | undefined> {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    return this.length === 0 ? undefined : BigInt(this.length);
  }

  read(_query: unknown, { start = 0n, limit = 0 } = {}): Read {
    const last = Number(start);
    const positions = Array.from({ length: Math.min(last, limit) }, (_, index) => BigInt(last - index));
    return (async function* () {
      yield* positions.map(eventAt);
    })() as unknown as Read;
  }

  subscribe(_query: unknown, { after }: { after?: bigint | "end" | undefined } = {}): UmaDbSubscription {
    const subscription = new FakeSubscription(after as bigint);
    this.subscriptions.push(subscription);
    return subscription as unknown as UmaDbSubscription;
  }
}

class FakeSubscription {
  readonly after: bigint;
  #listener: (state: SubscriptionState) => void = () => undefined;
  #taken: (batch: SequencedEvent[] | undefined) => void = () => undefined;
  #failed: (error: unknown) => void = () => undefined;

  constructor(after: bigint) {
    this.after = after;
  }

  onStateChange(listener: (state: SubscriptionState) => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  async *batches(): AsyncGenerator<SequencedEvent[]> {
    for (;;) {
      const batch = await new Promise<SequencedEvent[] | undefined>((resolve, reject) => ([this.#taken, this.#failed] = [resolve, reject]));
      if (batch === undefined) return;
      yield batch;
    }
  }

  async close(): Promise<void> {
    this.#taken(undefined);
  }

  state(state: SubscriptionState): void {
    this.#listener(state);
  }

  deliver(...positions: bigint[]): void {
    this.#taken(positions.map(eventAt));
  }

  fail(error: unknown): void {
    this.#failed(error);
  }
}

function eventAt(position: bigint): SequencedEvent {
  return { position, event: { type: "Happened", tags: [], data: new Uint8Array(1), metadata: {} } };
}

class Recorder implements FeedSink {
  readonly log: string[] = [];
  last: FeedState | undefined;

  begin(history: readonly StoredEvent[], head: bigint): void {
    this.log.push(`begin ${history.map(({ position }) => position).join(" ")} head ${head}`);
  }

  add(events: readonly StoredEvent[]): void {
    this.log.push(`add ${events.map(({ position }) => position).join(" ")}`);
  }

  state(state: FeedState): void {
    this.last = state;
    this.log.push(state.kind);
  }
}

function follow(store: FakeStore, options: Partial<Parameters<typeof followStore>[2]> = {}): { feed: LiveFeed; recorder: Recorder } {
  const recorder = new Recorder();
  return { feed: followStore(store, recorder, { query: undefined, pauseMs: 60_000, maxPauseMs: 60_000, ...options }), recorder };
}

const logged = (recorder: Recorder, line: string): Promise<void> => expect.poll(() => recorder.log).toContain(line);
const subscribed = (store: FakeStore, count: number): Promise<void> => expect.poll(() => store.subscriptions.length).toBe(count);
const unavailable = new MillraceError("unavailable", "The gateway was not reached");

describe("followStore()", () => {
  it("begins with the newest events, oldest first, and goes on right after them", async () => {
    const store = new FakeStore();
    store.length = 5;
    const { feed, recorder } = follow(store, { history: 3 });
    await subscribed(store, 1);
    expect(recorder.log).toEqual(["connecting", "begin 3 4 5 head 5"]);
    expect(store.subscriptions[0]?.after).toBe(5n);
    store.subscriptions[0]?.deliver(6n, 7n);
    await logged(recorder, "add 6 7");
    feed.close();
  });

  it("begins with an empty store", async () => {
    const store = new FakeStore();
    const { feed, recorder } = follow(store);
    await subscribed(store, 1);
    expect(recorder.log).toEqual(["connecting", "begin  head 0"]);
    expect(store.subscriptions[0]?.after).toBe(0n);
    feed.close();
  });

  it("gives events before a position, newest first", async () => {
    const store = new FakeStore();
    const { feed } = follow(store);
    expect((await feed.older(5n, 2)).map(({ position }) => position)).toEqual([4n, 3n]);
    expect(await feed.older(1n, 2)).toEqual([]);
    feed.close();
  });

  it("waits and tries again while the store cannot be read, at once when told to", async () => {
    const store = new FakeStore();
    store.failures.push(unavailable);
    const { feed, recorder } = follow(store);
    await expect.poll(() => recorder.last).toMatchObject({ kind: "waiting", cause: unavailable });
    feed.retryNow();
    await subscribed(store, 1);
    feed.close();
  });

  it.each(["permission_denied", "unauthenticated", "invalid_argument", "data_loss"] as const)("ends at %s, which no try mends", async (code) => {
    const store = new FakeStore();
    const cause = new MillraceError(code, "no");
    store.failures.push(cause);
    const { feed, recorder } = follow(store);
    await expect.poll(() => recorder.last).toEqual({ kind: "failed", cause });
    feed.close();
  });

  it("goes on after the last event when its subscription ended with an error", async () => {
    const store = new FakeStore();
    const { feed, recorder } = follow(store, { pauseMs: 1 });
    await subscribed(store, 1);
    store.length = 2;
    store.subscriptions[0]?.deliver(1n, 2n);
    await logged(recorder, "add 1 2");
    store.subscriptions[0]?.fail(unavailable);
    await subscribed(store, 2);
    expect(store.subscriptions[1]?.after).toBe(2n);
    expect(recorder.log.filter((line) => line.startsWith("begin"))).toHaveLength(1);
    feed.close();
  });

  it("opens another subscription at once when told to while its own one waits", async () => {
    const store = new FakeStore();
    const { feed, recorder } = follow(store);
    await subscribed(store, 1);
    store.subscriptions[0]?.state({ kind: "waiting", attempt: 1, retryAt: Date.now() + 60_000, cause: unavailable });
    expect(recorder.last).toMatchObject({ kind: "waiting" });
    feed.retryNow();
    await subscribed(store, 2);
    feed.close();
  });

  it("leaves a subscription alone that is live when told to try again", async () => {
    const store = new FakeStore();
    const { feed, recorder } = follow(store);
    await subscribed(store, 1);
    const [subscription] = store.subscriptions;
    subscription?.state({ kind: "waiting", attempt: 1, retryAt: 0, cause: unavailable });
    subscription?.state({ kind: "live" });
    feed.retryNow();
    subscription?.deliver(1n);
    await logged(recorder, "add 1");
    expect(store.subscriptions).toHaveLength(1);
    feed.close();
  });

  it("begins anew when another store is there after a loss", async () => {
    const store = new FakeStore();
    store.length = 9;
    const { feed, recorder } = follow(store, { history: 2 });
    await subscribed(store, 1);
    store.length = 1;
    store.subscriptions[0]?.state({ kind: "waiting", attempt: 1, retryAt: 0, cause: unavailable });
    store.subscriptions[0]?.state({ kind: "catching-up" });
    await subscribed(store, 2);
    expect(recorder.log.filter((line) => line.startsWith("begin"))).toEqual(["begin 8 9 head 9", "begin 1 head 1"]);
    expect(store.subscriptions[1]?.after).toBe(1n);
    feed.close();
  });

  it("delivers nothing once it is closed", async () => {
    const store = new FakeStore();
    const { feed, recorder } = follow(store);
    await subscribed(store, 1);
    const before = [...recorder.log];
    store.subscriptions[0]?.deliver(1n);
    feed.close();
    store.subscriptions[0]?.state({ kind: "live" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(recorder.log).toEqual(before);
  });
});
