import { invalidArgument } from "../core/arguments.js";
import { isMillraceError, type MillraceError } from "../core/errors.js";
import type { PayloadCodec } from "../core/codec.js";
import type { CallOptions } from "../core/options.js";
import { withRetry } from "../core/retry.js";
import { linkSignals, startTimer } from "../core/signal.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { invokeUnary, openStream, type Connection } from "../carrier/invoke.js";
import { umadbMethods } from "../wire/methods.js";
import type { ReadRequest, ReadResponse } from "../../gen/static/umadb/v1/umadb.js";
import { decodeNumber, encodeRead } from "./codec.js";
import { encodeAppend } from "./codec-append.js";
import { toWireAppend } from "./convert-append.js";
import { AppendConditionError } from "./errors.js";
import { decodeMessage, MessageReader } from "./messages.js";
import type { AppendOptions } from "./options.js";
import { settleAppend, type SettledAppend } from "./settle.js";
import type { NewEvent } from "./types.js";

/** The largest request that the server takes, in bytes. */
const MAX_REQUEST_BYTES = 4_194_304;

/** What an append needs of its client. */
export interface AppendContext<Data> {
  readonly codec: PayloadCodec<Data> | undefined;
  readonly connection: Connection;
  /** A position that is known to exist already. */
  readonly knownHead: bigint;
}

/** Checks and sends an append, and finds out what became of it, all within its time. */
export async function append<Data>(context: AppendContext<Data>, events: readonly NewEvent<Data>[], given: AppendOptions): Promise<bigint> {
  checkCallOptions(given, "umadb", ["condition", "trackingInfo"]);
  const { condition, trackingInfo, ...options } = given;
  const request = toWireAppend(events, condition, trackingInfo, context.codec);
  const bytes = encodeAppend(request);
  if (bytes.length > MAX_REQUEST_BYTES) {
    throw invalidArgument("events", request.events, `must fit into one request of ${MAX_REQUEST_BYTES} bytes, not ${bytes.length}`, "umadb");
  }
  const { connection } = context;
  const scope = linkSignals(options.signal, connection.closed);
  const timeoutMs = options.timeoutMs ?? connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = timeoutMs === 0 ? Infinity : performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, Math.ceil(endsAt - performance.now()));
  const send = async (): Promise<bigint> => {
    const left = leftMs();
    return sendOnce(connection, bytes, { ...options, signal: scope.signal, timeoutMs: left === Infinity ? 0 : left });
  };
  try {
    const result = await withRetry(() => orUnknown(send), { policy: connection.retry, signal: scope.signal, leftMs });
    if (typeof result === "bigint") return result;
    // Nothing is left of the time of an append that timed out.
    if (request.condition === undefined || result.code === "timeout") throw result;
    const stop = startTimer(Math.min(leftMs(), DEFAULT_TIMEOUT_MS), () => scope.abort(result));
    const settled = await settleAppend({
      request,
      answered: false,
      knownHead: context.knownHead,
      signal: scope.signal,
      read: (query) => readAgain(connection, query, { headers: options.headers, signal: scope.signal }),
      append: () => send(),
    }).finally(stop);
    return outcome(settled, result, options.signal);
  } finally {
    scope.release();
  }
}

async function sendOnce(connection: Connection, bytes: Uint8Array, options: CallOptions): Promise<bigint> {
  const answer = await invokeUnary(connection, umadbMethods.append, bytes, options);
  return decodeMessage(decodeNumber, answer, "unknown") ?? 0n;
}

/** An error that leaves the outcome open is a result here: a blind repeat could record twice. All others are thrown. */
async function orUnknown(send: () => Promise<bigint>): Promise<bigint | MillraceError> {
  try {
    return await send();
  } catch (error) {
    if (isMillraceError(error) && error.applied === "unknown") return error;
    throw error;
  }
}

function outcome(settled: SettledAppend, lost: MillraceError, signal: AbortSignal | undefined): bigint {
  if (settled.outcome === "applied") return settled.position;
  if (signal?.aborted === true) throw signal.reason;
  if (settled.outcome === "unknown") throw lost;
  throw settled.error ?? new AppendConditionError("An event past the condition's position matches it; the answer was lost, and reading the store showed this");
}

/** Reads for settling: as long as there is time it tries again, since whoever lost the answer may be away for a while. */
async function* readAgain(connection: Connection, request: ReadRequest, options: CallOptions): AsyncGenerator<ReadResponse, undefined> {
  const { retry } = connection;
  const patient = { ...connection, retry: retry && { ...retry, attempts: Infinity, maxMs: Math.min(retry.maxMs, 1_000) } };
  const stream = openStream(patient, umadbMethods.read, encodeRead(request), options);
  const reader = new MessageReader(stream);
  try {
    for (;;) {
      const message = await reader.take();
      if (message === undefined) return undefined;
      yield message;
    }
  } finally {
    reader.leave();
  }
}
