import type { IncomingHttpHeaders } from "node:http2";
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamRequest } from "../../src/carrier/http2/upstream.js";

/** A call on an upstream whose events are written down. */
export interface RecordedCall extends UpstreamCall {
  /** The names of the events in order. */
  readonly events: string[];
  readonly chunks: Buffer[];
  readonly bytes: number;
  readonly responseHeaders: IncomingHttpHeaders | undefined;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly failure: UpstreamFailure | undefined;
  /** Resolves at `end` or `fail`. */
  readonly over: Promise<void>;
  /** Resolves when the condition holds, asked after each event; rejects after `timeoutMs`. */
  until(condition: (call: RecordedCall) => boolean, timeoutMs?: number): Promise<void>;
}

/** Opens a call with `body` as its whole request, unless that is `null`: the request stays open then. */
export function openRecorded(
  upstream: Upstream,
  request: Partial<UpstreamRequest>,
  body: Uint8Array | null = Buffer.alloc(5),
  onEvent: (name: string, call: RecordedCall) => void = () => undefined,
): RecordedCall {
  const record = {
    events: [] as string[],
    chunks: [] as Buffer[],
    bytes: 0,
    responseHeaders: undefined as IncomingHttpHeaders | undefined,
    trailers: undefined as IncomingHttpHeaders | undefined,
    failure: undefined as UpstreamFailure | undefined,
  };
  const waiters = new Set<() => void>();
  const happened = (name: string): void => {
    record.events.push(name);
    onEvent(name, recorded);
    for (const check of [...waiters]) check();
  };
  const call = upstream.open(
    { path: "/test.Service/Call", lane: "short", cancel: "delayed", headers: {}, ...request },
    {
      headers: (headers) => { record.responseHeaders = headers; happened("headers"); },
      data: (bytes) => { record.chunks.push(bytes); record.bytes += bytes.length; happened("data"); },
      end: (trailers) => { record.trailers = trailers; happened("end"); },
      fail: (failure) => { record.failure = failure; happened("fail"); },
      writable: () => happened("writable"),
      late: () => happened("late"),
      goaway: () => happened("goaway"),
    },
  );
  const until = (condition: (call: RecordedCall) => boolean, timeoutMs = 10_000): Promise<void> => new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiters.delete(check);
      reject(new Error(`Not within ${timeoutMs} ms; events: ${record.events.join(" ")}`));
    }, timeoutMs);
    const check = (): void => {
      if (!condition(recorded)) return;
      clearTimeout(timer);
      waiters.delete(check);
      resolve();
    };
    waiters.add(check);
    check();
  });
  const methods = {
    get sent() { return call.sent; },
    write: (bytes: Uint8Array) => call.write(bytes),
    end: (bytes?: Uint8Array) => call.end(bytes),
    pause: () => call.pause(),
    resume: () => call.resume(),
    leave: () => call.leave(),
    until,
    get over() { return until(({ events }) => events.includes("end") || events.includes("fail")); },
  };
  const recorded: RecordedCall = Object.defineProperties(record, Object.getOwnPropertyDescriptors(methods)) as typeof record & typeof methods;
  if (body !== null) call.end(body);
  return recorded;
}

/** Waits until the condition holds, asking every few milliseconds. */
export async function eventually(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
