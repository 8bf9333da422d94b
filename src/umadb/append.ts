import type { PayloadCodec } from "../core/codec.js";
import type { CallOptions } from "../core/options.js";
import type { LinkedSignal } from "../core/signal.js";
import type { Connection } from "../carrier/connection.js";
import type { ReadRequest, ReadResponse, SequencedEvent } from "../../gen/static/umadb/v1/umadb.js";
import { toAppendError } from "./append-errors.js";
import type { AppendTools } from "./append-tools.js";
import { encodeAppend } from "./codec-append.js";
import { toWireAppend } from "./convert-append.js";
import type { MessageReader } from "./messages.js";
import type { AppendOptions } from "./options.js";
import { settleAppend } from "./settle.js";
import type { NewEvent, ReceivedEvent } from "./types.js";

/** The largest request that the server takes, in bytes. */
const MAX_REQUEST_BYTES = 4_194_304;

/** The longest time for settling, in milliseconds, where the append itself had no limit. */
const MAX_SETTLE_MS = 30_000;

/** What an append needs of its client. */
export interface AppendContext<Data> {
  readonly tools: AppendTools;
  readonly codec: PayloadCodec<Data> | undefined;
  /** A position that is known to exist already. */
  readonly knownHead: bigint;
  /** Follows the caller's signal and the client's end. Everything that is sent ends with it. */
  readonly scope: LinkedSignal;
  /** Milliseconds for the whole append; 0 means no limit. */
  readonly timeoutMs: number;
  /** Sends a request, again where the last try certainly recorded nothing. @returns The position of the last event. */
  send(request: Uint8Array, options: CallOptions, toError: Connection["toError"]): Promise<bigint>;
  /** Opens a read that tries again as long as there is time: whoever lost an answer may be away for a while. */
  read(request: Uint8Array, options: CallOptions): MessageReader<Uint8Array>;
}

/** Checks and sends an append, and finds out what became of it, all within its time. */
export async function append<Data>(context: AppendContext<Data>, events: readonly NewEvent<Data>[], options: AppendOptions): Promise<bigint> {
  const { condition, trackingInfo, headers } = options;
  const { scope, timeoutMs, tools } = context;
  const request = toWireAppend(events, condition, trackingInfo, context.codec, tools);
  const bytes = encodeAppend(request, tools);
  if (bytes.length > MAX_REQUEST_BYTES) {
    throw tools.wrong("events", request.events, `must fit into one request of ${MAX_REQUEST_BYTES} bytes, not ${bytes.length}`);
  }
  const call = { headers, signal: scope.signal };
  const startedAt = performance.now();
  const leftMs = (): number => (timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(startedAt + timeoutMs - performance.now())));
  const toError: Connection["toError"] = (trailers, _method, sent, general) => toAppendError(trailers, sent, general, tools);
  const send = (): Promise<bigint> => context.send(bytes, { ...call, timeoutMs: leftMs() }, toError);
  try {
    return await send();
  } catch (lost) {
    // Nothing is left of the time of an append that timed out.
    if (!tools.isMillraceError(lost) || lost.applied === "no" || lost.code === "timeout" || request.condition === undefined) throw lost;
    const timer = setTimeout(() => scope.abort(lost), Math.min(leftMs() || MAX_SETTLE_MS, MAX_SETTLE_MS));
    const read = (query: ReadRequest): AsyncIterable<ReadResponse> => messagesOf(context.read(tools.encodeRead(query), call));
    const settled = await settleAppend({ request, answered: false, knownHead: context.knownHead, signal: scope.signal, read, append: send });
    clearTimeout(timer);
    if (settled.outcome === "applied") return settled.position;
    if (options.signal?.aborted === true) throw options.signal.reason;
    if (settled.outcome === "unknown") throw lost;
    throw settled.error ?? new tools.AppendConditionError("An event past the condition's position matches it; the answer was lost, and reading the store showed this");
  }
}

async function* messagesOf(reader: MessageReader<Uint8Array>): AsyncGenerator<ReadResponse, undefined> {
  try {
    for (let message = await reader.take(); message !== undefined; message = await reader.take()) {
      yield { events: message.events.map(toWire), head: message.head };
    }
    return undefined;
  } finally {
    reader.leave();
  }
}

/** A stored event as settling compares it, which servers do as well. */
function toWire({ position, event: { type, tags, data, uuid = "" } }: ReceivedEvent): SequencedEvent {
  return { position, event: { eventType: type, tags: [...tags], data, uuid, metadata: [] } };
}
