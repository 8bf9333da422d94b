import type { NewEvent, ReceivedEvent, SequencedEvent, UmaDbOptions, UmaDb } from "millrace/umadb";
import { it } from "vitest";

/** A way to a UmaDB store: where a client finds it, and by what. */
export interface UmaDbBackend {
  /** What the way is, for the names of the tests. */
  readonly name: string;
  /** Options of a client for one store that all tests share; each uses tags of its own. */
  shared(): UmaDbOptions | Promise<UmaDbOptions>;
  /** An empty store for one test; left out where none can be had. */
  readonly fresh?: (() => Promise<FreshStore>) | undefined;
}

/** An empty store, and how to get rid of it. */
export interface FreshStore {
  readonly options: UmaDbOptions;
  close(): Promise<void>;
}

/** What a part of the specification is given. */
export interface SpecContext {
  /** The client on the shared store; one for all tests. */
  db(): UmaDb;
  /** Another client on the shared store. */
  open(): UmaDb;
  /** Runs `test` on an empty store; undefined where there is none. */
  readonly onFresh: ((test: (db: UmaDb) => Promise<void>) => () => Promise<void>) | undefined;
  /** Registers a test, unless only the marked ones run. */
  readonly it: SpecTest;
  /** Registers a test that is marked: what it shows could differ from one runtime to the next, so it runs in each. */
  readonly everywhere: SpecTest;
}

/** How much of the specification runs: `marked` is about a third of it, for runtimes that have the whole in long runs only. */
export type SpecPart = "all" | "marked";

/** Vitest's `it`. */
export type SpecTest = typeof it;

/** The two ways to register a test, where `part` runs. */
export function testsOf(part: SpecPart): Pick<SpecContext, "it" | "everywhere"> {
  return { it: part === "all" ? it : leftOut, everywhere: it };
}

const nothing = (): void => undefined;
/** Of what `it` can do the specification uses these two. */
const leftOut = Object.assign(nothing, { each: () => nothing }) as unknown as SpecTest;

/** A tag that no other test uses, on no run. */
export function uniqueTag(name: string): string {
  return `${name}:${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An event of a type with tags; its payload says which it is. */
export function event(type: string, tags: readonly string[], payload = type): NewEvent {
  return { type, tags, data: bytes(payload) };
}

/** The plain copies of what a read or a subscription handed out. */
export function plain(events: readonly ReceivedEvent[]): SequencedEvent[] {
  return events.map((one) => one.toObject());
}

/** The positions of events. */
export function positions(events: readonly SequencedEvent[]): bigint[] {
  return events.map(({ position }) => position);
}

/** Takes `n` items of an iteration, and leaves it if `leave`. */
export async function take<T>(iterator: AsyncIterator<T>, n: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < n) {
    const next = await iterator.next();
    if (next.done === true) break;
    items.push(next.value);
  }
  return items;
}

/** The error that a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("Expected a rejection");
}
