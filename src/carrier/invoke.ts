import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals, startTimer } from "../core/signal.js";
import { payloadsOf } from "../wire/frames.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import type { Connection } from "./connection.js";
import { appliedBy, nextChunk, runTries, startTry, type Plan } from "./tries.js";

export type { Connection } from "./connection.js";
export { openStream, type OpenStream } from "./stream.js";

/**
 * Makes a call with one answer. Repeats it where the method allows, all within `timeoutMs`.
 *
 * The deadline of a method that is never cancelled stays here: a server that knew it might give up half-way.
 *
 * @param request The encoded request message.
 * @returns The encoded answer; a view that keeps its chunk in memory.
 * @throws The reason of `options.signal` when that is aborted; a call that was sent may have been applied.
 * @throws {MillraceError} `invalid_argument` for wrong options, nothing was sent; `timeout` after `timeoutMs`; what the
 *   connection's `toError` makes of the server's status; `unavailable` and others of the carrier.
 */
export async function invokeUnary(connection: Connection, method: Method, request: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
  const { system } = connection;
  checkCallOptions(options, system);
  const scope = linkSignals(options.signal, connection.closed);
  const { signal } = scope;
  const timeoutMs = options.timeoutMs ?? connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = performance.now() + timeoutMs;
  const leftMs = timeoutMs === 0 ? undefined : () => Math.max(1, Math.ceil(endsAt - performance.now()));
  const plan: Plan = { connection, method, request, callHeaders: options.headers, signal, repeat: method.repeatable, leftMs };
  // Whether a try is with the carrier, so that nobody can know what becomes of it.
  let out = false;
  const stop = startTimer(timeoutMs, () => scope.abort(new MillraceError("timeout", `${method.path} was not answered within ${timeoutMs} ms`, {
    system, applied: appliedBy(method, out ? "unknown" : "no"),
  })));
  try {
    signal.throwIfAborted();
    return await runTries(plan, async (headers) => {
      out = true;
      try {
        return await answerOf(plan, headers);
      } finally {
        out = false;
      }
    });
  } finally {
    stop();
    scope.release();
  }
}

/** The one message of one try. */
async function answerOf(plan: Plan, headers: Headers): Promise<Uint8Array> {
  const { connection: { system }, method } = plan;
  const response = startTry(plan, headers);
  let answer: Uint8Array | undefined;
  for (let chunk = await nextChunk(plan, response); chunk !== undefined; chunk = await nextChunk(plan, response)) {
    for (const payload of payloadsOf(chunk)) {
      if (answer !== undefined) {
        await response.chunks.return?.();
        throw new MillraceError("protocol", `${method.path} was answered with more than one message`, { system, applied: appliedBy(method, "unknown") });
      }
      answer = payload;
    }
  }
  if (answer === undefined) throw new MillraceError("protocol", `${method.path} was answered with no message`, { system, applied: appliedBy(method, "unknown") });
  return answer;
}
