import type { Limits } from "./limits.js";
import { limited, type Refusal } from "./refusal.js";
import { Tally } from "./tally.js";

const RETRY_AFTER_MS = 1_000;

/** Bounds the request bytes that wait in the gateway: those of each connection, and all together. */
export class WaitingBytes {
  readonly #limits: Limits;
  readonly #held = new Tally<object>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Bytes waiting now. */
  get total(): number {
    return this.#held.total;
  }

  /** Takes room for `bytes`, or says why there is none. */
  take(connection: object, bytes: number): Refusal | undefined {
    const { waitingBytes, waitingBytesPerConnection } = this.#limits;
    if (this.#held.of(connection) + bytes > waitingBytesPerConnection + ENVELOPE_ALLOWANCE) {
      return limited(`Requests of more than ${waitingBytesPerConnection} bytes wait on this connection`, RETRY_AFTER_MS);
    }
    if (this.#held.total + bytes > waitingBytes) return limited("The gateway holds as many waiting requests as it may", RETRY_AFTER_MS);
    this.#held.add(connection, bytes);
    return undefined;
  }

  /** Gives room back. */
  release(connection: object, bytes: number): void {
    this.#held.add(connection, -bytes);
  }
}

/** So that one message of exactly the limit passes with its envelope. */
const ENVELOPE_ALLOWANCE = 5;
