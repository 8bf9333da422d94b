import { startTimer } from "../core/signal.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";

/** How many heartbeats' time without a byte means that the connection is dead. */
const MISSED = 2.5;

/** After how much silence to give up a response, by what its headers promise; `undefined` when they promise nothing. */
export function promisedSilenceMs(headers: Headers): number | undefined {
  const promised = headers.get(HEARTBEAT_HEADER);
  return promised !== null && /^[1-9]\d{0,6}$/.test(promised) ? Number(promised) * MISSED : undefined;
}

/** Notices that nothing comes while somebody waits for it. */
export class SilenceWatch {
  readonly #ms: number;
  readonly #lost: () => void;
  #stop: () => void = () => {};

  constructor(ms: number, lost: () => void) {
    this.#ms = ms;
    this.#lost = lost;
  }

  /** A wait begins. @returns Ends it. */
  begin(): () => void {
    this.#arm(this.#ms);
    return () => this.#stop();
  }

  stop(): void {
    this.#stop();
  }

  /**
   * A machine that slept, or a page that was frozen, runs a timer late and before what the network has brought
   * meanwhile. Only one that was punctual proves anything, so a late one waits for one more heartbeat.
   */
  #arm(ms: number): void {
    const dueAt = Date.now() + ms;
    this.#stop = startTimer(ms, () => {
      if (Date.now() - dueAt > this.#ms / MISSED) this.#arm(this.#ms / MISSED);
      else this.#lost();
    });
  }
}
