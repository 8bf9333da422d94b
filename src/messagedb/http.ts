import { isMillraceError, MillraceError, type ErrorCode } from "../core/errors.js";
import { connectionLost, notReached } from "../core/network-error.js";
import type { HeadersOption } from "../core/options.js";
import { abortable } from "../core/signal.js";
import { MESSAGEDB_PATH, NEXT_HEADER, type Asked, type WireError } from "../wire/messagedb.js";
import type { CallRules } from "./calls.js";
import { wrong } from "./check.js";
import { DuplicateMessageError, WrongExpectedVersionError } from "./errors.js";

/** Where a client's requests go, and how. */
export interface Http extends CallRules {
  /** Scheme, host and port; fit for an error text. */
  readonly origin: string;
  /** Origin and path prefix. */
  readonly base: string;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly headers: HeadersOption | undefined;
  /** Milliseconds until a stream must have begun. */
  readonly connectTimeoutMs: number;
}

/** What is sent, beside the operation's name. */
export interface Sent {
  readonly body: object;
  readonly headers: HeadersInit | undefined;
  readonly signal: AbortSignal;
  /** Told where the next page begins, before this one is there. */
  readonly full?: ((next: bigint) => void) | undefined;
}

/** One try of an operation with one answer. `cached`: by GET, so that what never changes comes from the browser's cache. */
export async function ask<Operation extends keyof Asked>(
  http: Http, operation: Operation, sent: Sent & { readonly body: Asked[Operation]["body"] }, cached = false,
): Promise<Asked[Operation]["answer"]> {
  const response = await send(http, operation, sent, cached);
  const next = response.headers.get(NEXT_HEADER);
  if (next !== null && /^\d+$/.test(next)) sent.full?.(BigInt(next));
  const answer = await textOf(http, response);
  try {
    const parsed = JSON.parse(answer) as Asked[Operation]["answer"];
    if (isAnswer(operation, parsed)) return parsed;
  } catch {
    // The engine's own error quotes the answer, so it is not kept as the cause.
  }
  throw new MillraceError("protocol", "The answer cannot be understood, it may not come from a gateway", { system: "messagedb", applied: operation === "write" ? "unknown" : "no" });
}

const isList = Array.isArray;
const isPosition = (value: unknown): boolean => typeof value === "string" && /^\d+$/.test(value);
const isPositionOrNull = (value: unknown): boolean => value === null || isPosition(value);
const isRows = (value: unknown): boolean => isList(value) && value.every(isList);

/** What each operation's answer holds. A row's own fields are looked at where it becomes a message. */
const ANSWERS: { readonly [Operation in keyof Asked]: readonly [field: string, holds: (value: unknown) => boolean] } = {
  "last-message": ["message", (value) => value === null || isList(value)],
  "stream-version": ["position", isPositionOrNull],
  "last-position": ["position", isPositionOrNull],
  "stream-identifiers": ["ids", isList],
  report: ["rows", isRows],
  "message-store-version": ["version", (value) => typeof value === "string"],
  query: ["messages", isRows],
  write: ["position", isPosition],
  read: ["messages", isRows],
};

function isAnswer(operation: keyof Asked, answer: unknown): boolean {
  const [field, holds] = ANSWERS[operation];
  return holds((Object(answer) as Record<string, unknown>)[field]);
}

/** One try of an operation: a response that is no failure. Asks for fresh headers once where it was not let in. */
export async function send(http: Http, operation: string, sent: Sent, cached = false, refresh = false): Promise<Response> {
  const { origin, base, fetch = globalThis.fetch, headers: own } = http;
  const { body, signal } = sent;
  const headers = headersOf(typeof own === "function" ? await abortable(Promise.resolve(own({ refresh })), signal) : own, sent.headers);
  const url = base + MESSAGEDB_PATH + operation;
  let response: Response;
  try {
    // "manual" and not "error", which workerd refuses. A stream by GET would wait for the cache's lock.
    if (cached) response = await fetch(`${url}?${new URLSearchParams(JSON.parse(JSON.stringify(body)) as Record<string, string>)}`, { headers, signal, redirect: "manual" });
    else {
      headers.set("content-type", "application/json");
      response = await fetch(url, { method: "POST", body: JSON.stringify(body), headers, signal, redirect: "manual", cache: "no-store" });
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw notReached(origin, cause);
  }
  if (response.ok) return response;
  const error = await failureOf(http, response, body);
  if (refresh || typeof own !== "function" || error.code !== "unauthenticated") throw error;
  return send(http, operation, sent, cached, true);
}

function headersOf(client: HeadersInit | undefined, call: HeadersInit | undefined): Headers {
  try {
    const headers = new Headers(client);
    new Headers(call).forEach((value, name) => headers.set(name, value));
    return headers;
  } catch {
    throw wrong("headers", call ?? client, "must be what HTTP allows");
  }
}

async function textOf({ origin }: Http, response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw connectionLost(origin, cause);
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated", 403: "permission_denied", 404: "unsupported", 413: "resource_exhausted", 429: "resource_exhausted",
  502: "unavailable", 503: "unavailable", 504: "unavailable",
};

/** What a refused request comes to: the gateway's own words, or what HTTP says where they are somebody else's. */
async function failureOf(http: Http, response: Response, body: object): Promise<MillraceError> {
  const { status } = response;
  try {
    return fromWireError((JSON.parse(await textOf(http, response)) as { error: WireError }).error, body);
  } catch (error) {
    if (isMillraceError(error)) return error;
    const code = CODES[status] ?? "protocol";
    return new MillraceError(code, `The gateway answered HTTP ${status}`, { system: "messagedb", applied: code === "unavailable" || code === "protocol" ? "unknown" : "no" });
  }
}

/** A failure as its caller sees it. `body` is what was asked. */
export function fromWireError({ code, message, actual, duplicate, ...options }: WireError, body: object): MillraceError {
  if (typeof code !== "string") throw new TypeError("Somebody else's error");
  const { stream, expected = "-1" } = body as { stream: string; expected?: string };
  if (actual !== undefined) return new WrongExpectedVersionError({ stream, expected: expected === "-1" ? "no_stream" : BigInt(expected), actual: actual === null ? undefined : BigInt(actual) });
  if (duplicate !== undefined) return new DuplicateMessageError(duplicate ?? undefined);
  return new MillraceError(code, message, { system: "messagedb", ...options });
}
