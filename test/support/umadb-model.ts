import type { AppendRequest, Event, Query, ReadRequest, ReadResponse, SequencedEvent } from "millrace/internal/gen/static/umadb/v1/umadb";
import { AppendConditionError } from "millrace/umadb";

/** UmaDB's rules for appends and reads, in the fewest lines: what tests compare the client's reasoning with. */
export class UmaDbModel {
  readonly events: SequencedEvent[] = [];

  get head(): bigint {
    return BigInt(this.events.length);
  }

  append({ events, condition }: AppendRequest): bigint {
    if (condition !== undefined) {
      const found = this.matching(condition.failIfEventsMatch, (condition.after ?? 0n) + 1n);
      if (found.length > 0) return this.#repeated(events, found);
    }
    for (const event of events) this.events.push({ position: this.head + 1n, event });
    return this.head;
  }

  #repeated(events: readonly Event[], found: readonly SequencedEvent[]): bigint {
    const first = found.slice(0, events.length);
    const same = first.length === events.length && events.every(({ uuid }, index) => uuid !== "" && first[index]?.event?.uuid === uuid);
    if (!same) throw new AppendConditionError("condition failed");
    return first.at(-1)?.position ?? 0n;
  }

  matching(query: Query | undefined, start: bigint): SequencedEvent[] {
    return this.events.filter(({ position, event }) => position >= start && (query === undefined || query.items.length === 0 || query.items.some(({ types, tags }) =>
      (types.length === 0 || types.includes(event?.eventType ?? "")) && tags.every((tag) => event?.tags.includes(tag)))));
  }

  /** Forwards and without limit, in batches of two; `between` runs before each message. */
  async *read({ query, start }: ReadRequest, between: () => void): AsyncGenerator<ReadResponse> {
    between();
    const { head } = this;
    const found = this.matching(query, start ?? 1n);
    const heads = head === 0n ? {} : { head };
    if (found.length === 0) yield { events: [], ...heads };
    for (let at = 0; at < found.length; at += 2) {
      if (at > 0) between();
      yield { events: found.slice(at, at + 2), ...heads };
    }
  }
}
