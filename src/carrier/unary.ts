import { MillraceError, type Applied, type ErrorCode } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals, startTimer } from "../core/signal.js";
import { payloadsOf } from "../wire/frames.js";
import type { Method } from "../wire/methods.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import type { Connection } from "./connection.js";
import { appliedBy, nextChunk, runTries, type Plan } from "./tries.js";

/**
 * Makes a call with one answer. Repeats it where the method allows, all within `timeoutMs`.
 *
 * The deadline of a method that is never cancelled stays here: a server that knew it might give up half-way.
 *
 * @param request The encoded request message; all of them for a call that takes several.
 * @returns The encoded answer; a view that keeps its chunk in memory.
 * @throws The reason of `options.signal` when that is aborted; a call that was sent may have been applied.
 * @throws {MillraceError} `invalid_argument` for wrong options, nothing was sent; `timeout` after `timeoutMs`; what the
 *   connection's `toError` makes of the server's status; `unavailable` and others of the carrier.
 */
export async function invokeUnary(connection: Connection, method: Method, request: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<Uint8Array> {
  const { system } = connection;
  checkCallOptions(options, system);
  const scope = linkSignals(options.signal, connection.closed);
  const timeoutMs = options.timeoutMs ?? connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = performance.now() + timeoutMs;
  const leftMs = timeoutMs === 0 ? undefined : () => Math.max(1, Math.ceil(endsAt - performance.now()));
  const plan: Plan = { connection, method, request, callHeaders: options.headers, signal: scope.signal, leftMs };
  const fail = (code: ErrorCode, how: string, applied: Applied = "unknown"): MillraceError =>
    new MillraceError(code, `${method.path} was ${how}`, { system, applied: appliedBy(method, applied) });
  // Whether a try is with the carrier, so that nobody can know what becomes of it.
  let out = false;
  const stop = startTimer(timeoutMs, () => scope.abort(fail("timeout", `not answered within ${timeoutMs} ms`, out ? "unknown" : "no")));
  try {
    return await runTries(plan, async (response) => {
      const answers: Uint8Array[] = [];
      out = true;
      try {
        for (let chunk; answers.length < 2 && (chunk = await nextChunk(plan, response)) !== undefined;) answers.push(...payloadsOf(chunk));
      } finally {
        out = false;
      }
      if (answers.length === 1) return answers[0] as Uint8Array;
      await response.chunks.return?.();
      throw fail("protocol", `answered with ${answers.length === 0 ? "no" : "more than one"} message`);
    });
  } finally {
    stop();
    scope.release();
  }
}
