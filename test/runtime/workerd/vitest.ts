// What the tests of this folder use of Vitest, for a runtime that Vitest does not start in. The bundler puts it in Vitest's place.
import { ASYMMETRIC_MATCHERS_OBJECT, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from "@vitest/expect";
import * as chai from "chai";
import type { ProvidedContext } from "vitest";
import { eachOf, type Each } from "./each.js";

/** The outcome of one test. */
export interface Outcome {
  /** Its name after those of the suites that it stands in. */
  readonly name: string;
  readonly ms: number;
  /** What it failed with. */
  readonly error?: string;
}

type Body = () => unknown;

interface Suite {
  readonly name: string;
  readonly before: Body[];
  readonly after: Body[];
  readonly parts: (Suite | Test)[];
}

interface Test {
  readonly name: string;
  readonly body: Body;
  readonly timeoutMs: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
let root = suiteOf("");
let current = root;
let given: Partial<ProvidedContext> = {};

/** Puts what `inject()` answers in place. */
export function give(values: Partial<ProvidedContext>): void {
  given = values;
  root = suiteOf("");
  current = root;
}

export function inject<Key extends keyof ProvidedContext>(key: Key): ProvidedContext[Key] {
  const value = given[key];
  if (value === undefined) throw new Error(`Nobody provided ${key}`);
  return value as ProvidedContext[Key];
}

export function describe(name: string, body: Body): void {
  const outer = current;
  const suite = suiteOf(name);
  outer.parts.push(suite);
  current = suite;
  try {
    body();
  } finally {
    current = outer;
  }
}

export const it: ((name: string, body: Body, timeoutMs?: number) => void) & { each: Each } = Object.assign(
  (name: string, body: Body, timeoutMs = DEFAULT_TIMEOUT_MS): void => void current.parts.push({ name, body, timeoutMs }),
  { each: eachOf((name, body, timeoutMs) => it(name, body, timeoutMs)) },
);

export function beforeAll(body: Body): void {
  current.before.push(body);
}

export function afterAll(body: Body): void {
  current.after.push(body);
}

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign(
  (value: unknown, message?: string): Chai.Assertion => chai.expect(value, message),
  chai.expect,
  Reflect.get(globalThis, ASYMMETRIC_MATCHERS_OBJECT) as object,
);
setState({ assertionCalls: 0 }, expect as never);
Reflect.set(globalThis, GLOBAL_EXPECT, expect);

/** Runs every test that was registered, one after another, and tells each outcome as it is known. */
export function run(report: (outcome: Outcome) => unknown): Promise<void> {
  return runSuite(root, [], report);
}

async function runSuite(suite: Suite, path: readonly string[], report: (outcome: Outcome) => unknown): Promise<void> {
  const failure = await failureOf(() => inTurn(suite.before), DEFAULT_TIMEOUT_MS);
  for (const part of suite.parts) {
    const own = [...path, part.name];
    if ("parts" in part) {
      await runSuite(part, own, report);
      continue;
    }
    const startedAt = Date.now();
    const error = failure ?? (await failureOf(part.body, part.timeoutMs));
    await report({ name: own.join(" > "), ms: Date.now() - startedAt, ...(error !== undefined && { error }) });
  }
  const error = await failureOf(() => inTurn([...suite.after].reverse()), DEFAULT_TIMEOUT_MS);
  if (error !== undefined) await report({ name: [...path, "afterAll"].join(" > "), ms: 0, error });
}

async function inTurn(bodies: readonly Body[]): Promise<void> {
  for (const body of bodies) await body();
}

async function failureOf(body: Body, timeoutMs: number): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Test timed out in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([(async () => body())(), late]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? String(error)) : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function suiteOf(name: string): Suite {
  return { name, before: [], after: [], parts: [] };
}
