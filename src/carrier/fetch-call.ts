import { MillraceError } from "../core/errors.js";
import { linkSignals, onAbort, startTimer, type Ending, type LinkedSignal } from "../core/signal.js";
import { EnvelopeReader } from "../wire/envelope-reader.js";
import { encodeEnvelopes } from "../wire/frames.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";
import { encodeGrpcTimeout } from "../wire/timeout.js";
import { parseTrailers } from "../wire/trailers.js";
import { collectMessages } from "./collect.js";
import type { GatewayUrl } from "./gateway-url.js";
import { judgeAnswer } from "./http-answer.js";
import { connectionLost, notReached } from "./network-error.js";
import { ResponseFeed, type ResponseSource } from "./response.js";
import { promisedSilenceMs, watchSilence } from "./silence.js";
import type { CarrierCall, CarrierResponse } from "./types.js";

/** A fetch carrier's options with every default filled in. */
export interface FetchSettings {
  readonly gateway: GatewayUrl;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly connectTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly heartbeatMs: number;
  /** Ends when the carrier is closed. */
  readonly closed: Ending;
}

/**
 * How long a body may go on after its trailers, in milliseconds. Waiting for its end keeps the connection usable and
 * finds a server that sends more; the status is known, so a body that just stays open must not hold it back.
 */
const LINGER_MS = 1_000;

/** One call by `fetch`. Reads the body only while somebody waits for a chunk, so back-pressure reaches the server. */
export class FetchCall implements ResponseSource {
  readonly response: CarrierResponse;
  readonly #settings: FetchSettings;
  readonly #call: CarrierCall;
  readonly #feed: ResponseFeed;
  readonly #scope: LinkedSignal;
  readonly #envelopes: EnvelopeReader;
  readonly #undo: (() => void)[] = [];
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #silenceMs: number | undefined;
  #stopWaiting: () => void = () => {};
  #sent = false;
  #wanted = false;
  #reading = false;

  constructor(settings: FetchSettings, call: CarrierCall) {
    this.#settings = settings;
    this.#call = call;
    this.#feed = new ResponseFeed(this);
    this.response = this.#feed.response;
    this.#envelopes = new EnvelopeReader({ maxMessageBytes: call.maxMessageBytes ?? settings.maxMessageBytes });
    this.#scope = linkSignals(call.signal, settings.closed);
    void this.#run();
  }

  pull(): void {
    this.#wanted = true;
    if (this.#body !== undefined && !this.#reading) void this.#read(this.#body);
  }

  leave(): void {
    this.#free(new MillraceError("unavailable", "The call was left"));
  }

  async #run(): Promise<void> {
    const { timeoutMs, kind, duplex } = this.#call;
    this.#undo.push(onAbort(this.#scope.signal, (reason) => this.#abort(reason)));
    if (this.#feed.over) return;
    if (kind === "bidi" && duplex !== "half") return this.#fail(fullDuplexRefused(this.#call.path));
    this.#undo.push(startTimer(timeoutMs, () => this.#abort(this.#timeout())));
    try {
      const messages = await collectMessages(this.#call, this.#scope.signal);
      if (!this.#feed.over) await this.#send(encodeEnvelopes(messages));
    } catch (error) {
      this.#fail(error);
    }
  }

  async #send(body: Uint8Array<ArrayBuffer>): Promise<void> {
    const { gateway } = this.#settings;
    const ms = this.#isStreamed() ? this.#call.connectTimeoutMs ?? this.#settings.connectTimeoutMs : undefined;
    const stop = startTimer(ms, () => this.#abort(this.#lost(`did not begin to answer within ${ms} ms`)));
    this.#undo.push(stop);
    const fetch = this.#settings.fetch ?? globalThis.fetch;
    this.#sent = true;
    let answer: Response;
    try {
      answer = await fetch(gateway.base + this.#call.path, this.#requestInit(body));
    } catch (cause) {
      throw notReached(gateway.origin, cause);
    }
    stop();
    if (this.#feed.over) answer.body?.cancel().catch(() => {});
    else this.#answered(answer);
  }

  #requestInit(body: Uint8Array<ArrayBuffer>): RequestInit {
    const headers = new Headers(this.#call.headers);
    headers.set("content-type", "application/grpc-web+proto");
    headers.set("x-grpc-web", "1");
    if (this.#call.timeoutMs !== undefined && this.#call.timeoutMs > 0) headers.set("grpc-timeout", encodeGrpcTimeout(this.#call.timeoutMs));
    if (this.#isStreamed() && this.#settings.heartbeatMs > 0) headers.set(HEARTBEAT_HEADER, String(this.#settings.heartbeatMs));
    // "manual" and not "error", which workerd refuses; `credentials` is left alone, which it refuses too.
    return { method: "POST", headers, body, signal: this.#scope.signal, cache: "no-store", redirect: "manual" };
  }

  #isStreamed(): boolean {
    return this.#call.kind === "server" || this.#call.kind === "bidi";
  }

  #answered(answer: Response): void {
    const trailers = judgeAnswer(answer);
    if (trailers !== undefined) {
      // Finished first: who looks at the headers can know that nothing follows them.
      this.#feed.finish(trailers);
      this.#feed.headers(answer.headers);
      answer.body?.cancel().catch(() => {});
      return this.#settle();
    }
    this.#silenceMs = promisedSilenceMs(answer.headers);
    this.#body = answer.body?.getReader();
    this.#feed.headers(answer.headers);
    if (this.#body === undefined) this.#ended();
    else if (this.#wanted) this.pull();
  }

  async #read(body: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && !this.#feed.over) await this.#readOnce(body);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
  }

  async #readOnce(body: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    this.#stopWaiting = this.#envelopes.trailerBlock === undefined
      ? watchSilence(this.#silenceMs, () => this.#fail(this.#lost(`was silent for ${this.#silenceMs} ms although it promised heartbeats`)))
      : startTimer(LINGER_MS, () => this.#endEarly());
    const { done, value } = await body.read()
      .catch((cause: unknown) => { throw connectionLost(this.#settings.gateway.origin, cause); })
      .finally(() => this.#stopWaiting());
    if (this.#feed.over) return;
    if (done) return this.#ended();
    const chunks: Uint8Array[] = [];
    try {
      this.#envelopes.push(value, chunks);
    } finally {
      if (chunks.length > 0) {
        this.#wanted = false;
        this.#feed.deliver(chunks);
      }
    }
  }

  /** The body has ended, or has shown its trailers. */
  #ended(): void {
    try {
      this.#envelopes.end();
      const block = this.#envelopes.trailerBlock;
      if (block === undefined) throw connectionLost(this.#settings.gateway.origin);
      this.#feed.finish(parseTrailers(block));
      this.#settle();
    } catch (error) {
      this.#fail(error);
    }
  }

  #endEarly(): void {
    this.#ended();
    this.leave();
  }

  #timeout(): MillraceError {
    return new MillraceError("timeout", `${this.#call.path} was not answered within ${this.#call.timeoutMs} ms`, { applied: this.#sent ? "unknown" : "no" });
  }

  #lost(how: string): MillraceError {
    return new MillraceError("unavailable", `${this.#settings.gateway.origin} ${how}`, { applied: "unknown" });
  }

  /** Ends the call at once; what was received and not taken is dropped. */
  #abort(reason: unknown): void {
    this.#feed.abort(reason);
    this.#free(reason);
  }

  /** Ends the call; what was received before can still be taken. */
  #fail(error: unknown): void {
    this.#feed.fail(error);
    this.#free(error);
  }

  #free(reason: unknown): void {
    this.#settle();
    this.#scope.abort(reason);
  }

  /** Takes back every listener and timer. */
  #settle(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#stopWaiting();
    this.#scope.release();
  }
}

function fullDuplexRefused(path: string): MillraceError {
  return new MillraceError("unsupported", `${path} sends in both directions at once, which fetch cannot: use the tunnel or an http2Carrier, or ask for duplex "half"`);
}
