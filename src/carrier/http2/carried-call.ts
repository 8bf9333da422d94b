import type { IncomingHttpHeaders } from "node:http2";
import { invalidArgument } from "../../core/arguments.js";
import { MillraceError } from "../../core/errors.js";
import { abortable } from "../../core/signal.js";
import { EnvelopeReader } from "../../wire/envelope-reader.js";
import { encodeEnvelope, encodeEnvelopes } from "../../wire/frames.js";
import { trailersOfHeaders } from "../../wire/trailers.js";
import { collectMessages } from "../collect.js";
import { openCall, type CallOwner, type OpenCall } from "../open-call.js";
import type { CarrierCall, CarrierResponse } from "../types.js";
import type { UpstreamCall, UpstreamEvents, UpstreamFailure } from "./types.js";
import type { Upstream } from "./upstream.js";

/** An http2 carrier's options with every default filled in. */
export interface CarriedCallSettings {
  readonly headers: Headers;
  readonly maxMessageBytes: number;
}

/** Bytes held for a consumer that does not come; above it the server is held back by flow control. */
const HELD_BYTES = 64 * 1024;

/** One call of an http2 carrier: messages in, aligned chunks out, back-pressure both ways. */
export class CarriedCall implements CallOwner, UpstreamEvents {
  readonly response: CarrierResponse;
  readonly #upstream: Pick<Upstream, "open">;
  readonly #settings: CarriedCallSettings;
  readonly #call: CarrierCall;
  readonly #open: OpenCall;
  readonly #envelopes: EnvelopeReader;
  #stream: UpstreamCall | undefined;
  #wanted = false;
  #heldBytes = 0;
  #drained: (() => void) | undefined;

  constructor(upstream: Pick<Upstream, "open">, settings: CarriedCallSettings, call: CarrierCall) {
    this.#upstream = upstream;
    this.#settings = settings;
    this.#call = call;
    this.#envelopes = new EnvelopeReader({ maxMessageBytes: call.maxMessageBytes ?? settings.maxMessageBytes, framing: "grpc" });
    this.#open = openCall(call, undefined, this);
    this.response = this.#open.response;
    if (!this.#open.over) this.#run().catch(this.#open.fail);
  }

  pull(): void {
    this.#wanted = true;
    this.#heldBytes = 0;
    this.#stream?.resume();
  }

  get sent(): boolean {
    return this.#stream?.sent === true;
  }

  free(): void {
    this.#stream?.leave();
  }

  headers(headers: IncomingHttpHeaders): void {
    this.#open.headers(fromIncoming(headers));
  }

  data(bytes: Uint8Array): void {
    const chunks: Uint8Array[] = [];
    try {
      this.#envelopes.push(bytes, chunks);
    } catch (error) {
      if (chunks.length > 0) this.#deliver(chunks);
      return this.#open.fail(error);
    }
    if (chunks.length > 0) this.#deliver(chunks);
  }

  end(incoming: IncomingHttpHeaders): void {
    try {
      this.#envelopes.end();
      const headers = fromIncoming(incoming);
      const trailers = trailersOfHeaders(headers);
      if (trailers === undefined) throw new MillraceError("protocol", "The server ended the call without a grpc-status", { applied: "unknown" });
      // Finished first: who looks at the headers of an answer that is its status alone can know that nothing follows.
      this.#open.finish(trailers);
      this.#open.headers(headers);
    } catch (error) {
      this.#open.fail(error);
    }
  }

  fail({ error }: UpstreamFailure): void {
    this.#open.fail(error);
  }

  writable(): void {
    this.#drained?.();
  }

  async #run(): Promise<void> {
    const { kind, duplex } = this.#call;
    if (kind === "unary" || kind === "server" || duplex === "half") await this.#sendCollected();
    else await this.#sendAsTheyCome();
  }

  async #sendCollected(): Promise<void> {
    const body = encodeEnvelopes(await collectMessages(this.#call, this.#open.signal));
    if (!this.#open.over) this.#send().end(body);
  }

  async #sendAsTheyCome(): Promise<void> {
    const stream = this.#send();
    const { messages } = this.#call;
    const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    let ended = false;
    try {
      for (let index = 0; !this.#open.over; index++) {
        const next = await abortable(Promise.resolve(iterator.next()), this.#open.signal);
        ended = next.done === true;
        if (next.done === true) return stream.end();
        const message: unknown = next.value;
        if (!(message instanceof Uint8Array)) throw invalidArgument(`messages[${index}]`, message, "must be a Uint8Array");
        if (!stream.write(encodeEnvelope(message))) await abortable(new Promise<void>((go) => void (this.#drained = go)), this.#open.signal);
      }
    } finally {
      // Not waited for: a generator that waits for something itself would hold up an abort.
      if (!ended) Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  #send(): UpstreamCall {
    const { path, lane, cancel, timeoutMs, connectTimeoutMs } = this.#call;
    const headers = this.#requestHeaders();
    // `0` means no limit, and as a grpc-timeout would mean none left.
    const deadline = timeoutMs === 0 ? undefined : timeoutMs;
    this.#stream = this.#upstream.open({ path, lane, cancel, headers, timeoutMs: deadline, connectTimeoutMs }, this);
    return this.#stream;
  }

  #requestHeaders(): Record<string, string> {
    const headers: Record<string, string> = {};
    this.#settings.headers.forEach((value, name) => void (headers[name] = value));
    this.#call.headers.forEach((value, name) => void (headers[name] = value));
    return headers;
  }

  #deliver(chunks: readonly Uint8Array[]): void {
    this.#wanted = false;
    for (const chunk of chunks) this.#heldBytes += chunk.length;
    this.#open.deliver(chunks);
    if (!this.#wanted && this.#heldBytes >= HELD_BYTES) this.#stream?.pause();
  }
}

/** HTTP/2's headers without its pseudo-headers. */
function fromIncoming(incoming: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) headers.append(name, each);
  }
  return headers;
}
