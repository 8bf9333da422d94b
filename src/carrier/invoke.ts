import { MillraceError } from "../core/errors.js";
import type { CallOptions } from "../core/options.js";
import { linkSignals, startTimer, type LinkedSignal } from "../core/signal.js";
import { payloadsOf } from "../wire/frames.js";
import type { Method } from "../wire/methods.js";
import type { Trailers } from "../wire/trailers.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import type { Connection } from "./connection.js";
import { appliedBy, errorOfCarrier, errorOfStatus, runTries, type Plan } from "./tries.js";

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
  checkCallOptions(options, connection.system);
  const scope = linkSignals(options.signal, connection.closed);
  const timeoutMs = options.timeoutMs ?? connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = timeoutMs === 0 ? undefined : performance.now() + timeoutMs;
  const plan: Plan = {
    connection, method, callHeaders: options.headers, signal: scope.signal, repeat: method.repeatable,
    leftMs: endsAt === undefined ? undefined : () => Math.max(1, Math.ceil(endsAt - performance.now())),
  };
  const call = new UnaryCall(plan, request);
  const stop = startTimer(timeoutMs, () => scope.abort(call.timeout(timeoutMs)));
  try {
    return await call.run(scope);
  } finally {
    stop();
    scope.release();
  }
}

class UnaryCall {
  readonly #plan: Plan;
  readonly #request: Uint8Array;
  /** Whether a try is with the carrier now, so that nobody can know what becomes of it. */
  #out = false;

  constructor(plan: Plan, request: Uint8Array) {
    this.#plan = plan;
    this.#request = request;
  }

  async run(scope: LinkedSignal): Promise<Uint8Array> {
    if (scope.signal.aborted) throw scope.signal.reason;
    return runTries(this.#plan, (headers) => this.#once(headers));
  }

  timeout(timeoutMs: number): MillraceError {
    const { connection, method } = this.#plan;
    return new MillraceError("timeout", `${method.path} was not answered within ${timeoutMs} ms`, {
      system: connection.system,
      applied: appliedBy(method, this.#out ? "unknown" : "no"),
    });
  }

  async #once(headers: Headers): Promise<Uint8Array> {
    const { payloads, trailers } = await this.#exchange(headers);
    if (trailers.status !== 0) throw errorOfStatus(this.#plan, trailers);
    const [payload] = payloads;
    if (payload === undefined) throw this.#misanswered("with no message");
    return payload;
  }

  async #exchange(headers: Headers): Promise<{ payloads: Uint8Array[]; trailers: Trailers }> {
    this.#out = true;
    try {
      return await this.#receive(headers);
    } catch (error) {
      throw errorOfCarrier(this.#plan, error);
    } finally {
      this.#out = false;
    }
  }

  async #receive(headers: Headers): Promise<{ payloads: Uint8Array[]; trailers: Trailers }> {
    const { connection, method, signal, leftMs } = this.#plan;
    const { path, kind, lane, cancel } = method;
    const { connectTimeoutMs, maxMessageBytes } = connection;
    const timeoutMs = cancel === "never" ? undefined : leftMs?.();
    const { chunks, trailers } = connection.carrier.call({
      path, kind, lane, cancel, headers, messages: [this.#request], signal, timeoutMs, connectTimeoutMs, maxMessageBytes,
    });
    const payloads: Uint8Array[] = [];
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
      payloads.push(...payloadsOf(chunk.value));
      if (payloads.length <= 1) continue;
      await chunks.return?.();
      throw this.#misanswered("with more than one message");
    }
    return { payloads, trailers: await trailers };
  }

  #misanswered(how: string): MillraceError {
    const { connection, method } = this.#plan;
    return new MillraceError("protocol", `${method.path} was answered ${how}`, { system: connection.system, applied: appliedBy(method, "unknown") });
  }
}
