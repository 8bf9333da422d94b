import { WebSocket } from "ws";
import { autoCarrier, tunnelCarrier, type Carrier, type CarrierCall, type CarrierResponse, type TunnelCarrierOptions } from "millrace/carrier";
import { concatBytes } from "millrace/internal/core/bytes";
import { payloadsOf } from "millrace/internal/wire/frames";
import type { Trailers } from "millrace/internal/wire/trailers";

/** A tunnel carrier of Node, which has no WebSocket of its own in version 20. */
export function openTunnel(url: string, options: Partial<TunnelCarrierOptions> = {}): Carrier {
  return tunnelCarrier({ url, webSocket: WebSocket, ...options });
}

/** What a client with `url` uses, in Node. */
export function openAuto(url: string): Carrier {
  return autoCarrier({ url, webSocket: WebSocket });
}

/** A call with what most calls have. */
export function callOf(path: string, call: Partial<CarrierCall> = {}): CarrierCall {
  return { path, kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array(0)], ...call };
}

/** All of an answer: its messages, and how it ended. */
export async function readAll(response: CarrierResponse): Promise<{ headers: Headers; messages: Uint8Array[]; trailers: Trailers }> {
  const chunks: Uint8Array[] = [];
  for (let next = await response.chunks.next(); next.done !== true; next = await response.chunks.next()) chunks.push(next.value);
  return { headers: await response.headers, messages: payloadsOf(concatBytes(chunks)), trailers: await response.trailers };
}

/** Messages that are handed over one by one, as the test says. */
export class Questions implements AsyncIterable<Uint8Array> {
  readonly #asked: Uint8Array[] = [];
  #wake = (): void => undefined;
  #ended = false;
  /** Whether the reader said that it wants no more. */
  left = false;

  ask(message: Uint8Array): void {
    this.#asked.push(message);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        while (this.#asked.length === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
        const value = this.#asked.shift();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => {
        this.left = true;
        return { done: true, value: undefined };
      },
    };
  }
}
