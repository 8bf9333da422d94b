import type { GatewayRequest } from "./exchange.js";
import type { Limits } from "./limits.js";
import { invalid, limited, type Refusal } from "./refusal.js";
import { RequestMessages } from "./request-messages.js";
import type { WaitingBytes } from "./waiting-bytes.js";

/** What a {@link RequestReader} tells. After `refuse` nothing comes. */
export interface RequestReaderEvents {
  /** One whole message with its envelope. Calls with one request message get it when the body is complete. */
  message(envelope: Uint8Array): void;
  /** All messages came. */
  end(): void;
  refuse(refusal: Refusal): void;
}

/** What a {@link RequestReader} reads, and within which bounds. */
export interface RequestReading {
  readonly request: GatewayRequest;
  /** Whether the call takes exactly one message. */
  readonly single: boolean;
  readonly limits: Limits;
  readonly waiting: WaitingBytes;
  readonly events: RequestReaderEvents;
}

/**
 * Reads the messages of a request. Bodies of calls with one message are read whole before anything of them goes on:
 * a server may keep a connection busy with calls whose requests never end.
 */
export class RequestReader {
  readonly #request: GatewayRequest;
  readonly #waiting: WaitingBytes;
  readonly #events: RequestReaderEvents;
  readonly #messages: RequestMessages;
  readonly #single: boolean;
  #first: Uint8Array | undefined;
  #held = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor({ request, single, limits, waiting, events }: RequestReading) {
    this.#request = request;
    this.#single = single;
    this.#waiting = waiting;
    this.#events = events;
    this.#messages = new RequestMessages(limits.messageBytes);
    if (single) this.#timer = setTimeout(() => this.#refuse(late(limits.bodyTimeoutMs)), limits.bodyTimeoutMs);
  }

  start(): void {
    this.#request.body.read({ data: (bytes) => this.#data(bytes), end: () => this.#end() });
  }

  pause(): void {
    this.#request.body.pause();
  }

  resume(): void {
    this.#request.body.resume();
  }

  /** A message went on, or was dropped: its bytes wait no longer. */
  release(bytes: number): void {
    this.#held -= bytes;
    this.#waiting.release(this.#request.client.connection, bytes);
  }

  /** The call is over: nothing more is wanted, what is held is given back. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.release(this.#held);
  }

  #data(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const full = this.#waiting.take(this.#request.client.connection, bytes.length);
    if (full !== undefined) return this.#refuse(full);
    this.#held += bytes.length;
    const complete: Uint8Array[] = [];
    const wrong = this.#messages.push(bytes, complete);
    for (const envelope of complete) this.#message(envelope);
    if (wrong !== undefined) this.#refuse(wrong);
  }

  #message(envelope: Uint8Array): void {
    if (this.#stopped) return;
    if (!this.#single) return this.#events.message(envelope);
    if (this.#first !== undefined) return this.#refuse(invalid("The call takes one request message, more were sent"));
    this.#first = envelope;
  }

  #end(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    if (this.#messages.held > 0) return this.#refuse(invalid("The request body ends in the middle of a message"));
    if (this.#single && this.#first === undefined) return this.#refuse(invalid("The call takes one request message, none was sent"));
    if (this.#first !== undefined) this.#events.message(this.#first);
    if (!this.#stopped) this.#events.end();
  }

  #refuse(refusal: Refusal): void {
    if (this.#stopped) return;
    this.stop();
    this.#events.refuse(refusal);
  }
}

function late(ms: number): Refusal {
  return limited(`The request body was not complete within ${ms} ms`);
}
