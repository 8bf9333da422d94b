import { ENVELOPE_HEADER_BYTES } from "millrace/internal/wire/frames";
import { EnvelopeCounter } from "../../envelope-counter.js";
import { RequestMessages } from "../../request-messages.js";
import { protoFields } from "../proto-fields.js";

/** What the broker still has to answer in a call before the call may be cancelled. */
export interface Debts {
  readonly owed: boolean;
  /** How long it may take its time, in milliseconds. */
  readonly patienceMs: number;
  /** A request message left, in its envelope. */
  asked(envelope: Uint8Array): void;
  /** The next bytes of the response, cut anywhere. */
  answered(bytes: Uint8Array): void;
}

/** Some requests of an upstream are never answered, and a call is not kept for ever. */
const UPSTREAM_PATIENCE_MS = 120_000;
const LEAST_WAIT_MS = 1_000;
/** Beyond the time that the request names. */
const ALLOWANCE_MS = 10_000;

/** Every request of an upstream has one reply. A cancel before that can end the broker's process, and with it everybody's calls. */
export class UpstreamDebts implements Debts {
  readonly #answers = new EnvelopeCounter();
  #asked = 0;
  readonly patienceMs = UPSTREAM_PATIENCE_MS;

  get owed(): boolean {
    return this.#asked > this.#answers.completed;
  }

  asked(): void {
    this.#asked += 1;
  }

  answered(bytes: Uint8Array): void {
    this.#answers.count(bytes);
  }
}

/** A Get, open in a downstream call. */
interface OpenGet {
  readonly autoAck: boolean;
  readonly waitMs: number;
}

/** Field numbers of `kubemq.QueuesDownstreamRequest`; in the response the type has the same. */
const TYPE = 3;
const WAIT_TIMEOUT = 6;
const AUTO_ACK = 7;
const GET = 1n;

/**
 * A Get with AutoAck goes on when it is cancelled, and takes messages that nobody receives. The requests of a call are
 * worked on one after the other, and each Get has one reply of its type, so replies belong to Gets in order.
 */
export class AutoAckDebts implements Debts {
  readonly #messages = new RequestMessages(Infinity);
  #gets: OpenGet[] = [];

  get owed(): boolean {
    return this.#gets.some(({ autoAck }) => autoAck);
  }

  get patienceMs(): number {
    return this.#gets.reduce((total, { waitMs }) => total + waitMs, ALLOWANCE_MS);
  }

  asked(envelope: Uint8Array): void {
    const { type, waitMs, autoAck } = readGet(envelope.subarray(ENVELOPE_HEADER_BYTES));
    if (type === GET) this.#gets.push({ autoAck, waitMs });
  }

  answered(bytes: Uint8Array): void {
    const replies: Uint8Array[] = [];
    // A response that cannot be read tells nothing about what is open: then nothing is waited for.
    if (this.#messages.push(bytes, replies) !== undefined) this.#gets = [];
    for (const reply of replies) if (typeOf(reply.subarray(ENVELOPE_HEADER_BYTES)) === GET) this.#gets.shift();
  }
}

function readGet(message: Uint8Array): OpenGet & { readonly type: bigint } {
  let type = 0n;
  let waitMs = LEAST_WAIT_MS;
  let autoAck = false;
  for (const { number, value } of protoFields(message)) {
    if (typeof value !== "bigint") continue;
    if (number === TYPE) type = value;
    if (number === WAIT_TIMEOUT) waitMs = Math.max(LEAST_WAIT_MS, Number(BigInt.asIntN(32, value)));
    if (number === AUTO_ACK) autoAck = value !== 0n;
  }
  return { type, waitMs, autoAck };
}

function typeOf(message: Uint8Array): bigint | undefined {
  let type: bigint | undefined;
  try {
    for (const { number, value } of protoFields(message)) if (number === TYPE && typeof value === "bigint") type = value;
  } catch {
    return undefined;
  }
  return type;
}
