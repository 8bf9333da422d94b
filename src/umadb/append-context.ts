import { linkSignals } from "../core/signal.js";
import { checkCallOptions, DEFAULT_TIMEOUT_MS } from "../carrier/call-options.js";
import { openStream } from "../carrier/invoke.js";
import { umadbMethods } from "../wire/methods.js";
import type { AppendContext } from "./append.js";
import { appendTools } from "./append-tools.js";
import { askNumber } from "./ask.js";
import { readMessages } from "./messages.js";
import type { AppendOptions } from "./options.js";
import type { Store } from "./store.js";

/** What one append needs of its client; its `scope` must be released. @throws {MillraceError} `invalid_argument`. */
export function openAppend<Data>({ connection, codec, seen }: Store<Data>, options: AppendOptions): AppendContext<Data> {
  checkCallOptions(options, "umadb", ["condition", "trackingInfo"]);
  const { closed, retry, timeoutMs = DEFAULT_TIMEOUT_MS } = connection;
  const patient = { ...connection, retry: retry && { ...retry, attempts: Infinity, maxMs: Math.min(retry.maxMs, 1_000) } };
  return {
    codec,
    tools: appendTools,
    knownHead: seen,
    scope: linkSignals(options.signal, closed),
    timeoutMs: options.timeoutMs ?? timeoutMs,
    send: async (bytes, call, toError) => (await askNumber({ ...connection, toError }, umadbMethods.append, bytes, call, "unknown")) ?? 0n,
    read: (bytes, call) => readMessages<Uint8Array>(openStream(patient, umadbMethods.read, bytes, call), undefined),
  };
}
