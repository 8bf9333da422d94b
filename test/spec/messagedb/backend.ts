import type { JsonFormat, Message, MessageStore } from "millrace/messagedb";
import { it } from "vitest";

/** A way to a Message DB store. */
export interface MessageDbBackend {
  /** What the way is, for the names of the tests. */
  readonly name: string;
  /** A client of one store that all tests share; each uses names of its own. */
  open(options?: { json?: JsonFormat }): MessageStore | Promise<MessageStore>;
  /** SQL on the same store as the role `message_store`, for what a client cannot ask; left out where there is no way to it. */
  readonly session?: (() => Promise<SqlSession>) | undefined;
  /** An empty store for one test; left out where none can be had. */
  readonly fresh?: (() => Promise<FreshStore>) | undefined;
  /** Whether the store has several sessions at once, so that writers can wait for each other. PGlite has one. */
  readonly concurrent: boolean;
}

/** An empty store, and how to get rid of it. */
export interface FreshStore {
  open(): MessageStore | Promise<MessageStore>;
  close(): Promise<void>;
}

/** One session with the database. */
export interface SqlSession {
  /** Runs one statement; parameters and results are text. Rejects with the driver's error. */
  query(text: string, parameters?: readonly (string | null)[]): Promise<Record<string, string | null>[]>;
  close(): Promise<void>;
}

/** What a part of the specification is given. */
export interface SpecContext {
  /** The client on the shared store; one for all tests. */
  db(): MessageStore;
  /** Another client on the shared store. */
  open: MessageDbBackend["open"];
  /** Runs `test` with a session; `undefined` where there is none. */
  readonly onSession: ((test: (session: SqlSession) => Promise<void>) => () => Promise<void>) | undefined;
  /** Opens another session; fails where there is none. */
  session(): Promise<SqlSession>;
  /** Runs `test` on an empty store; `undefined` where there is none. */
  readonly onFresh: ((test: (db: MessageStore) => Promise<void>) => () => Promise<void>) | undefined;
  readonly concurrent: boolean;
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

/** A category that no other test uses, on no run. */
export function uniqueCategory(name: string): string {
  return `${name}${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
}

/** A uuid of a test's own. */
export function uniqueId(): string {
  return crypto.randomUUID();
}

/** What a message says of itself in these tests. */
export function values(messages: readonly Message[]): unknown[] {
  return messages.map(({ data }) => (data as { n: unknown }).n);
}

/** The positions of messages in their streams. */
export function positions(messages: readonly Message[]): bigint[] {
  return messages.map(({ position }) => position);
}

/** Writes `count` messages, one after the other, with their number in `data.n`. */
export async function fill(db: MessageStore, stream: string, count: number, metadata?: object): Promise<void> {
  for (let n = 0; n < count; n++) await db.write(stream, { type: "Counted", data: { n }, metadata });
}

/** Takes `n` items of an iteration. */
export async function take<T>(iterator: AsyncIterator<T>, n: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < n) {
    const next = await iterator.next();
    if (next.done === true) break;
    items.push(next.value);
  }
  return items;
}

/** The error that a promise is rejected with, as far as these tests look at it. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string; applied?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a rejection");
}
