import { MillraceError } from "../core/errors.js";
import { givingWay } from "../core/give-way.js";
import { startTimer, type Ending } from "../core/signal.js";
import { watchSilence } from "../core/silence.js";
import { EnvelopeReader } from "../wire/envelope-reader.js";
import { encodeEnvelopes } from "../wire/frames.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";
import { encodeGrpcTimeout } from "../wire/timeout.js";
import { parseTrailers } from "../wire/trailers.js";
import type { GatewayUrl } from "../core/gateway-url.js";
import { judgeAnswer } from "./http-answer.js";
import type { Limits } from "./limits.js";
import { connectionLost, notReached } from "../core/network-error.js";
import { openCall } from "./open-call.js";
import { promisedSilenceMs } from "./silence.js";
import type { CarrierCall, CarrierResponse } from "./types.js";

/** A fetch carrier's options with every default filled in. */
export interface FetchSettings extends Limits {
  readonly gateway: GatewayUrl;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly heartbeatMs: number;
  /** All messages of a call, which are sent at once; `signal` ends the wait for them. */
  readonly collect: (call: CarrierCall, signal: AbortSignal) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Ends when the carrier is closed. */
  readonly closed: Ending;
}

/**
 * How long a body may go on after its trailers, in milliseconds. Waiting for its end keeps the connection usable and
 * finds a server that sends more; the status is known, so a body that just stays open must not hold it back.
 */
const LINGER_MS = 1_000;

/** Makes one call by `fetch`. Reads the body only while somebody waits for a chunk, so back-pressure reaches the server. */
export function callByFetch(settings: FetchSettings, call: CarrierCall): CarrierResponse {
  const { path, kind, timeoutMs, connectTimeoutMs = settings.connectTimeoutMs, maxMessageBytes = settings.maxMessageBytes } = call;
  const { origin, base } = settings.gateway;
  const isStreamed = kind === "server" || kind === "bidi";
  const request = new AbortController();
  let wanted = false;
  let wake = nothing;
  let stopWaiting = nothing;
  const owner = {
    sent: false,
    pull() {
      wanted = true;
      wake();
    },
    free(reason: unknown) {
      stopWaiting();
      if (reason !== undefined) request.abort(reason);
    },
  };
  const open = openCall(call, settings.closed, owner);

  /** What `work` comes to, which `stop` watches meanwhile; our own error if the network fails it. */
  const received = async <T>(work: () => Promise<T> | undefined, stop: () => void, failure: typeof notReached): Promise<T | undefined> => {
    stopWaiting = stop;
    try {
      return await work();
    } catch (cause) {
      throw failure(origin, cause);
    } finally {
      stop();
    }
  };

  const watch = (how: string): (() => void) => () => open.abort(new MillraceError("unavailable", `${origin} ${how} ms`, { applied: "unknown" }));

  const run = async (): Promise<void> => {
    const body = encodeEnvelopes(await settings.collect(call, open.signal));
    if (open.over) return;
    const headers = new Headers(call.headers);
    headers.set("content-type", "application/grpc-web+proto");
    headers.set("x-grpc-web", "1");
    if (timeoutMs !== undefined && timeoutMs > 0) headers.set("grpc-timeout", encodeGrpcTimeout(timeoutMs));
    if (isStreamed && settings.heartbeatMs > 0) headers.set(HEARTBEAT_HEADER, String(settings.heartbeatMs));
    const stop = startTimer(isStreamed ? connectTimeoutMs : 0, watch(`did not begin to answer within ${connectTimeoutMs}`));
    owner.sent = true;
    // "manual" and not "error", which workerd refuses; `credentials` is left alone, which it refuses too.
    const init: RequestInit = { method: "POST", headers, body, signal: request.signal, cache: "no-store", redirect: "manual" };
    const answer = await received(async () => (settings.fetch ?? globalThis.fetch)(base + path, init), stop, notReached) as Response;
    const trailers = open.over ? undefined : judgeAnswer(answer);
    // Finished first: who looks at the headers can know that nothing follows them.
    if (trailers !== undefined) open.finish(trailers);
    open.headers(answer.headers);
    if (open.over) answer.body?.cancel().catch(nothing);
    else await readBody(answer);
  };

  const readBody = async (answer: Response): Promise<void> => {
    const silenceMs = promisedSilenceMs(answer.headers);
    const body = answer.body?.getReader();
    const envelopes = new EnvelopeReader({ maxMessageBytes });
    const giveWay = givingWay();
    for (;;) {
      if (!wanted) await new Promise<void>((go) => { wake = go; });
      const turn = giveWay();
      if (turn !== undefined) await turn;
      const stop = envelopes.trailerBlock === undefined
        ? watchSilence(silenceMs, watch(`was silent for ${silenceMs}`))
        : startTimer(LINGER_MS, () => { body?.cancel().catch(nothing); });
      const value = (await received(async () => body?.read(), stop, connectionLost))?.value;
      if (open.over) return;
      if (value === undefined) break;
      const chunks: Uint8Array[] = [];
      try {
        envelopes.push(value, chunks);
      } finally {
        if (chunks.length > 0) {
          wanted = false;
          open.deliver(chunks);
        }
      }
    }
    envelopes.end();
    if (envelopes.trailerBlock === undefined) throw connectionLost(origin);
    open.finish(parseTrailers(envelopes.trailerBlock));
  };

  if (!open.over) run().catch(open.fail);
  return open.response;
}

function nothing(): void {}
