import type { Upstream, UpstreamCall, UpstreamEvents, UpstreamRequest } from "millrace/internal/carrier/http2/upstream";
import { BatchAppendReq, BatchAppendResp } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { decodeWhole } from "millrace/internal/protobuf/decode";
import { EnvelopeReader } from "millrace/internal/wire/envelope-reader";
import { ENVELOPE_HEADER_BYTES, payloadsOf } from "millrace/internal/wire/frames";
import { encodeGrpcMessage } from "millrace/internal/wire/grpc-message";
import { status } from "../../refusal.js";

/** Servers answer an append within their own write timeout of 2 s; this leaves them room. */
const ANSWER_MS = 10_000;

const MAX_ANSWER_BYTES = 1024 * 1024;

/** What a {@link BatchAppend} is told beside its call; tests are more impatient. */
export interface BatchAppendRules {
  /** How long after the end of the request its last answers may take, in milliseconds; 10 000 by default. */
  readonly answerMs?: number | undefined;
}

/**
 * A call of `BatchAppend`, ended for the server: that never ends one whose request ends after its last answer. Once the
 * request has ended, it is over when each append has its answer, or has gone without one for too long.
 */
export class BatchAppend implements UpstreamCall {
  readonly #events: UpstreamEvents;
  readonly #call: UpstreamCall;
  readonly #answerMs: number;
  readonly #answers = new EnvelopeReader({ maxMessageBytes: MAX_ANSWER_BYTES, framing: "grpc" });
  #unanswered = 0;
  #requestEnded = false;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(upstream: Pick<Upstream, "open">, request: UpstreamRequest, events: UpstreamEvents, { answerMs = ANSWER_MS }: BatchAppendRules = {}) {
    this.#events = events;
    this.#answerMs = answerMs;
    this.#call = upstream.open(request, {
      headers: (headers) => events.headers(headers),
      data: (bytes) => this.#data(bytes),
      end: (trailers) => this.#finish(() => events.end(trailers)),
      fail: (failure) => this.#finish(() => events.fail(failure)),
      writable: () => events.writable(),
      late: () => events.late?.(),
      goaway: () => events.goaway?.(),
    });
  }

  get sent(): boolean {
    return this.#call.sent;
  }

  write(bytes: Uint8Array): boolean {
    this.#count(bytes);
    return this.#call.write(bytes);
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.#count(bytes);
    this.#requestEnded = true;
    this.#call.end(bytes);
    if (this.#over) return;
    // Not at once: an owner is told of an end only when it is done with its own.
    this.#timer = setTimeout(() => this.#end(), this.#unanswered > 0 ? this.#answerMs : 0);
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  leave(): void {
    this.#finish(() => this.#call.leave());
  }

  /** One message: each `is_final` is owed an answer. */
  #count(envelope: Uint8Array): void {
    try {
      if (decodeWhole(BatchAppendReq, envelope.subarray(ENVELOPE_HEADER_BYTES)).isFinal) this.#unanswered++;
    } catch {
      // The server ends the call for it.
    }
  }

  #data(bytes: Buffer): void {
    this.#events.data(bytes);
    if (this.#over) return;
    try {
      const chunks: Uint8Array[] = [];
      this.#answers.push(bytes, chunks);
      for (const chunk of chunks) this.#unanswered -= payloadsOf(chunk).filter((payload) => decodeWhole(BatchAppendResp, payload).result !== undefined).length;
    } catch {
      return;
    }
    if (this.#requestEnded && this.#unanswered <= 0) this.#end();
  }

  #end(): void {
    const unanswered = this.#unanswered;
    this.#finish(() => {
      this.#call.leave();
      this.#events.end(unanswered <= 0 ? { "grpc-status": "0" } : {
        "grpc-status": String(status.deadlineExceeded),
        "grpc-message": encodeGrpcMessage(`The server has not answered ${unanswered} of the call's appends within ${this.#answerMs} ms`),
      });
    });
  }

  #finish(how: () => void): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    how();
  }
}
