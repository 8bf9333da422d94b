import { MillraceError } from "../core/errors.js";
import { linkSignals, onAbort, startTimer, type Ending } from "../core/signal.js";
import { EnvelopeReader } from "../wire/envelope-reader.js";
import { encodeEnvelopes } from "../wire/frames.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";
import { encodeGrpcTimeout } from "../wire/timeout.js";
import { parseTrailers } from "../wire/trailers.js";
import type { GatewayUrl } from "./gateway-url.js";
import { judgeAnswer } from "./http-answer.js";
import type { Limits } from "./limits.js";
import { connectionLost, notReached } from "./network-error.js";
import { ResponseFeed } from "./response.js";
import { promisedSilenceMs, watchSilence } from "./silence.js";
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
  const scope = linkSignals(call.signal, settings.closed);
  const { signal } = scope;
  const timers: (() => void)[] = [];
  let stopWaiting = (): void => {};
  let sent = false;
  let wanted = false;
  let wake = (): void => {};

  const feed = new ResponseFeed({
    pull() {
      wanted = true;
      wake();
    },
    leave: scope.abort,
  });

  /** Takes back every listener and timer. */
  const settle = (): void => {
    for (const stop of timers.splice(0)) stop();
    stopWaiting();
    scope.release();
  };

  const run = async (): Promise<void> => {
    timers.push(startTimer(timeoutMs, () => scope.abort(new MillraceError("timeout", `${path} was not answered within ${timeoutMs} ms`, { applied: sent ? "unknown" : "no" }))));
    const messages = await settings.collect(call, signal);
    if (feed.over) return;
    const answer = await send(encodeEnvelopes(messages));
    const trailers = feed.over ? undefined : judgeAnswer(answer);
    // Finished first: who looks at the headers can know that nothing follows them.
    if (trailers !== undefined) feed.finish(trailers);
    feed.headers(answer.headers);
    if (!feed.over) return readBody(answer);
    answer.body?.cancel().catch(() => {});
    settle();
  };

  const send = async (body: Uint8Array<ArrayBuffer>): Promise<Response> => {
    const headers = new Headers(call.headers);
    headers.set("content-type", "application/grpc-web+proto");
    headers.set("x-grpc-web", "1");
    if (timeoutMs !== undefined && timeoutMs > 0) headers.set("grpc-timeout", encodeGrpcTimeout(timeoutMs));
    if (isStreamed && settings.heartbeatMs > 0) headers.set(HEARTBEAT_HEADER, String(settings.heartbeatMs));
    const stop = isStreamed ? startTimer(connectTimeoutMs, () => scope.abort(lost(`did not begin to answer within ${connectTimeoutMs} ms`))) : () => {};
    timers.push(stop);
    const fetch = settings.fetch ?? globalThis.fetch;
    sent = true;
    try {
      // "manual" and not "error", which workerd refuses; `credentials` is left alone, which it refuses too.
      return await fetch(base + path, { method: "POST", headers, body, signal, cache: "no-store", redirect: "manual" });
    } catch (cause) {
      throw notReached(origin, cause);
    } finally {
      stop();
    }
  };

  const readBody = async (answer: Response): Promise<void> => {
    const silenceMs = promisedSilenceMs(answer.headers);
    const body = answer.body?.getReader();
    const envelopes = new EnvelopeReader({ maxMessageBytes });
    for (;;) {
      if (!wanted) await new Promise<void>((go) => { wake = go; });
      stopWaiting = envelopes.trailerBlock === undefined
        ? watchSilence(silenceMs, () => scope.abort(lost(`was silent for ${silenceMs} ms`)))
        : startTimer(LINGER_MS, () => { body?.cancel().catch(() => {}); });
      const value = await readOnce(body);
      if (feed.over) return;
      if (value === undefined) break;
      const chunks: Uint8Array[] = [];
      try {
        envelopes.push(value, chunks);
      } finally {
        if (chunks.length > 0) {
          wanted = false;
          feed.deliver(chunks);
        }
      }
    }
    envelopes.end();
    if (envelopes.trailerBlock === undefined) throw connectionLost(origin);
    feed.finish(parseTrailers(envelopes.trailerBlock));
    settle();
  };

  const readOnce = async (body: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<Uint8Array | undefined> => {
    try {
      return (await body?.read())?.value;
    } catch (cause) {
      throw connectionLost(origin, cause);
    } finally {
      stopWaiting();
    }
  };

  const lost = (how: string): MillraceError => new MillraceError("unavailable", `${origin} ${how}`, { applied: "unknown" });

  onAbort(signal, (reason) => {
    feed.abort(reason);
    settle();
  });
  if (!feed.over) {
    run().catch((error: unknown) => {
      // First, so that what was received can still be taken.
      feed.fail(error);
      scope.abort(error);
    });
  }
  return feed.response;
}
