import { text } from "millrace";
import type { Query, ReceivedEvent, SequencedEvent, SubscribeOptions, UmaDb, UmaDbSubscription } from "millrace/umadb";

/** How a follower takes its events. */
export type Taking = "values" | "batches" | "objects" | "pieces";

export interface FollowerOptions {
  readonly name: string;
  readonly query?: Query | undefined;
  readonly options: SubscribeOptions;
  readonly taking: Taking;
}

/** What is compared: that each event came, once, in its place, and with its own bytes. */
export function fingerprint({ position, event }: ReceivedEvent | SequencedEvent): string {
  return `${position} ${event.type} ${text(event.data)}`;
}

/** A subscription and somebody who takes all that it brings, and keeps count. */
export class Follower {
  readonly name: string;
  readonly query: Query | undefined;
  readonly subscription: UmaDbSubscription;
  /** Fingerprints, in the order they came. */
  readonly seen: string[] = [];
  /** The position of what came last. */
  last = 0n;
  /** How often its subscription lost its connection, or could not get one. */
  losses = 0;
  /** Why, in words. */
  readonly causes = new Set<string>();
  /** Resolves when the iteration has ended, and rejects as it does. */
  readonly done: Promise<void>;

  constructor(db: UmaDb, { name, query, options, taking }: FollowerOptions) {
    this.name = name;
    this.query = query;
    this.subscription = db.subscribe(query, options);
    this.subscription.onStateChange((state) => {
      if (state.kind !== "waiting") return;
      this.losses += 1;
      this.causes.add(String(state.cause));
    });
    this.done = this.#take(taking);
    this.done.catch(() => undefined);
  }

  async #take(taking: Taking): Promise<void> {
    if (taking === "values") for await (const event of this.subscription) this.#note(event);
    else if (taking === "objects") for await (const event of this.subscription.toObjects()) this.#note(event);
    else if (taking === "batches") for await (const batch of this.subscription.batches()) batch.forEach((event) => this.#note(event));
    else while (this.subscription.state.kind !== "closed") await this.#takePiece(7);
  }

  /** Leaves after some events, and keeps the place. */
  async #takePiece(size: number): Promise<void> {
    let left = size;
    for await (const event of this.subscription.values({ preventCancel: true })) {
      this.#note(event);
      if (--left === 0) return;
    }
  }

  #note(event: ReceivedEvent | SequencedEvent): void {
    this.seen.push(fingerprint(event));
    this.last = event.position;
  }
}

/** What is wrong with what a follower saw, in words; empty when nothing is. */
export async function faultsOf(follower: Follower, store: UmaDb, after: bigint): Promise<string[]> {
  const expected = await store.read(follower.query, { start: after + 1n }).toArray();
  const wanted = expected.map(fingerprint);
  const positions = follower.seen.map((each) => BigInt(each.split(" ", 1)[0] ?? ""));
  const came = new Set(follower.seen);
  const lost = wanted.filter((each) => !came.has(each)).length;
  const repeated = follower.seen.length - came.size;
  const disordered = positions.filter((position, at) => at > 0 && position < (positions[at - 1] ?? 0n)).length;
  const foreign = follower.seen.filter((_, at) => follower.seen[at] !== wanted[at]).length;
  const counts = { lost, repeated, disordered, "not as stored": foreign };
  return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${follower.name}: ${count} of ${wanted.length} ${what}`] : []));
}
