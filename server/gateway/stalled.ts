/** A call whose page has stopped reading its response. */
export interface Stallable {
  /** Where the page is; calls of one address are bounded together. */
  readonly address: string;
  /** Whose response it is. */
  readonly upstream: object;
  /** How long it may stay unread, in milliseconds. */
  readonly patienceMs: number;
  /** Ends the call; called again, it gives up what of the response is still unread. */
  giveUp(): void;
  /** The upstream drains. */
  goaway(): void;
}

/** Unread for less than this is how any stream looks now and then. */
const NOTICED_MS = 1_000;
const SWEEP_MS = 250;

/** Watches calls whose pages do not read: each for its own patience, and those of one address by their number. */
export class StalledCalls {
  readonly #perAddress: number;
  /** In the order in which they stopped. */
  readonly #since = new Map<Stallable, number>();
  #sweeping: ReturnType<typeof setInterval> | undefined;

  constructor(perAddress: number) {
    this.#perAddress = perAddress;
  }

  blocked(call: Stallable): void {
    this.#since.set(call, Date.now());
    this.#sweeping ??= setInterval(() => this.#sweep(Date.now()), SWEEP_MS);
  }

  flowing(call: Stallable): void {
    this.#since.delete(call);
  }

  /**
   * An upstream said on one connection that it drains. It may come to say so late on others, since it is busy with what
   * is unread there: the calls that stand still hear of it now.
   */
  upstreamDrains(upstream: object): void {
    for (const call of [...this.#since.keys()]) if (call.upstream === upstream) call.goaway();
  }

  #sweep(now: number): void {
    if (this.#since.size === 0) return this.#rest();
    const byAddress = new Map<string, Stallable[]>();
    for (const [call, since] of this.#since) {
      const unreadMs = now - since;
      if (unreadMs >= call.patienceMs) call.giveUp();
      if (unreadMs < NOTICED_MS) continue;
      const others = byAddress.get(call.address);
      if (others === undefined) byAddress.set(call.address, [call]);
      else others.push(call);
    }
    for (const calls of byAddress.values()) {
      for (const call of calls.slice(0, Math.max(0, calls.length - this.#perAddress))) call.giveUp();
    }
  }

  #rest(): void {
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
  }
}
