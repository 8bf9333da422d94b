import { equalBytes } from "../core/equal-bytes.js";
import { parseUuid } from "../core/uuid.js";
import type {
  AppendRequest, Event, Query, QueryItem, ReadRequest, ReadResponse, SequencedEvent,
} from "../../gen/static/umadb/v1/umadb.js";
import { matches } from "./matching.js";

/** An append whose answer never came, and the means to find out what became of it. */
export interface UnsettledAppend {
  /** The request as it was sent. */
  readonly request: AppendRequest;
  /** True when the server is known to have answered with more than a success can be: the conflict whose text froze the connection. */
  readonly answered: boolean;
  /** A position that is known to have existed before the append was sent; saves a read when it is not below the condition's `after`. */
  readonly knownHead?: bigint | undefined;
  /** Bounds everything: `read` and `append` must end when it is aborted, and the outcome is `unknown` then. */
  readonly signal?: AbortSignal | undefined;
  /** Reads from the store; leaving the iteration early frees the call. */
  read(request: ReadRequest): AsyncIterable<ReadResponse>;
  /** Sends an append; it is the same request again, to be sent once. Rejects with the server's refusal. */
  append(request: AppendRequest): Promise<bigint>;
}

/** What became of an append. A `conflict` holds the server's own words when it was asked again; `unknown` why it stayed so. */
export type SettledAppend =
  | { readonly outcome: "applied"; readonly position: bigint }
  | { readonly outcome: "conflict"; readonly error?: unknown }
  | { readonly outcome: "unknown"; readonly cause?: unknown };

const UNKNOWN: SettledAppend = { outcome: "unknown" };

/**
 * Finds out whether an append was recorded, by reading the store, and by sending the append once more where the server
 * would recognise a repeat. Never rejects.
 *
 * Reading back the condition's query alone is not enough: an event need not match its own condition, and then that
 * finds nothing of a stored append. So the submitted events themselves are looked for as well, by their uuids.
 *
 * Positions only grow and an append is stored as one run. So the first event past `after` decides: when it is one of
 * ours, the run follows; when it is somebody else's and matches the condition, the append was refused, or will be.
 * Without either, the append is not stored yet, and may still be on its way; only a repeat can tell.
 */
export async function settleAppend(append: UnsettledAppend): Promise<SettledAppend> {
  const { request, answered } = append;
  const { events, condition } = request;
  if (condition === undefined || events.length === 0) return UNKNOWN;
  const own = new OwnEvents(events);
  const look = (): Promise<Sight> => lookPast(append, own);
  try {
    const sight = await look();
    if (sight.kind === "applied") return { outcome: "applied", position: sight.position };
    if (sight.kind === "foreign" && answered) return { outcome: "conflict" };
    if (sight.kind === "partial" || sight.kind === "ended") return UNKNOWN;

    const below = await lookBelow(append, own, sight.kind === "foreign" ? sight.position : sight.head);
    if (below.kind === "applied") return { outcome: "applied", position: below.position };
    if (below.kind !== "nothing") return UNKNOWN;
    if (sight.kind === "foreign") return { outcome: "conflict" };
    return await repeat(append, own, look);
  } catch (cause) {
    return { outcome: "unknown", cause };
  }
}

/** Sends the same append again, if the server would recognise it, and looks once more when that stays unanswered too. */
async function repeat(append: UnsettledAppend, own: OwnEvents, look: () => Promise<Sight>): Promise<SettledAppend> {
  const { request, signal } = append;
  const recognised = own.identified && request.events.every((event) => matches(request.condition?.failIfEventsMatch, event));
  if (!recognised || signal?.aborted === true) return UNKNOWN;
  try {
    return { outcome: "applied", position: await append.append(request) };
  } catch (error) {
    if (isConflict(error)) return { outcome: "conflict", error };
    const sight = await look();
    if (sight.kind === "applied") return { outcome: "applied", position: sight.position };
    return sight.kind === "foreign" ? { outcome: "conflict" } : { outcome: "unknown", cause: error };
  }
}

function isConflict(error: unknown): boolean {
  return typeof error === "object" && error !== null && (error as { code?: unknown }).code === "conflict";
}

/** What a look at the store showed. `head` is the store's head as that look saw it. */
type Sight =
  /** The whole append, as one run. */
  | { readonly kind: "applied"; readonly position: bigint }
  /** An event that breaks the condition, and none of ours before it. */
  | { readonly kind: "foreign"; readonly position: bigint }
  /** Some of our events, but not the append as it was sent. */
  | { readonly kind: "partial" }
  | { readonly kind: "nothing"; readonly head: bigint | undefined }
  /** Not even the one message that every read has: the server was going away. */
  | { readonly kind: "ended" };

/** Looks past the condition's `after` for our events and for one that breaks the condition. */
function lookPast(append: UnsettledAppend, own: OwnEvents): Promise<Sight> {
  const { failIfEventsMatch: query, after } = append.request.condition ?? {};
  const everything = query === undefined || query.items.length === 0;
  return look(append, own, {
    query: everything ? undefined : { items: [...query.items, ...own.items] },
    start: (after ?? 0n) + 1n,
    breaks: (event) => matches(query, event),
  });
}

/**
 * An `after` beyond the head of its time lets an append pass that is then stored below `after`, where neither the
 * condition nor a repeat finds it. Unless `after` is known to have been behind the head, this looks there.
 *
 * @param head A position that exists by now; below `after`, the append may yet be stored there.
 */
async function lookBelow(append: UnsettledAppend, own: OwnEvents, head: bigint | undefined): Promise<Sight> {
  const after = append.request.condition?.after ?? 0n;
  if (after <= (append.knownHead ?? 0n)) return { kind: "nothing", head };
  if (head === undefined || head < after) return { kind: "ended" };
  return look(append, own, { query: { items: own.items }, start: 1n, end: after, breaks: () => false });
}

interface Search {
  readonly query: Query | undefined;
  readonly start: bigint;
  /** Inclusive. */
  readonly end?: bigint;
  readonly breaks: (event: Event) => boolean;
}

async function look(append: UnsettledAppend, own: OwnEvents, { query, start, end, breaks }: Search): Promise<Sight> {
  const run = own.run();
  let head: bigint | undefined;
  let messages = 0;
  for await (const message of append.read({ query, start, batchSize: 128 })) {
    append.signal?.throwIfAborted();
    messages++;
    head = message.head ?? head;
    for (const { position, event } of message.events as SequencedEvent[]) {
      if (event === undefined || (end !== undefined && position > end)) continue;
      const step = run.take(position, event);
      if (step === "complete") return { kind: "applied", position };
      if (step === "broken") return { kind: "partial" };
      if (step === "other" && breaks(event)) return { kind: "foreign", position };
    }
    if (end !== undefined && (message.events.at(-1)?.position ?? 0n) >= end) break;
  }
  if (run.begun) return { kind: "partial" };
  return messages === 0 ? { kind: "ended" } : { kind: "nothing", head };
}

/** The events of an append, to be found again among stored ones. */
class OwnEvents {
  /** A query item for each kind of event among them. */
  readonly items: QueryItem[];
  /** Whether each of them can be told from all others. */
  readonly identified: boolean;
  readonly #uuids: readonly (string | undefined)[];
  readonly #known: ReadonlySet<string | undefined>;
  readonly #anonymous: readonly Event[];

  constructor(events: readonly Event[]) {
    this.#uuids = events.map(({ uuid }) => (uuid === "" ? undefined : parseUuid(uuid) ?? uuid));
    this.#known = new Set(this.#uuids);
    this.#anonymous = events.filter(({ uuid }) => uuid === "");
    this.identified = this.#anonymous.length === 0;
    const items = new Map(events.map(({ eventType, tags }) => [JSON.stringify([eventType, ...tags]), { types: [eventType], tags }]));
    this.items = [...items.values()];
  }

  /** Follows stored events, in order, as long as they may be the append. */
  run(): { readonly begun: boolean; take(position: bigint, event: Event): "complete" | "part" | "broken" | "other" } {
    let found = 0;
    let last = 0n;
    return {
      get begun() { return found > 0; },
      take: (position, event) => {
        if (!this.#mayBeOurs(event)) return found > 0 ? "broken" : "other";
        const follows = found === 0 || position === last + 1n;
        if (!this.identified || !follows || event.uuid !== this.#uuids[found]) return "broken";
        last = position;
        found++;
        return found === this.#uuids.length ? "complete" : "part";
      },
    };
  }

  /** By uuid; an event that was sent without one can only be told by what it holds. */
  #mayBeOurs(event: Event): boolean {
    if (event.uuid !== "") return this.#known.has(event.uuid);
    return this.#anonymous.some((own) =>
      own.eventType === event.eventType && equalTexts(own.tags, event.tags) && equalBytes(own.data, event.data));
  }
}

function equalTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}
