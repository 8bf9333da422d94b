import { observeTime } from "./observed-time.js";

/** When a {@link PingWatch} asks and what it concludes; milliseconds of observed time. */
export interface PingRules {
  /** From the start to the first PING. */
  readonly firstMs: number;
  /** From one PING to the next, once it was answered. */
  readonly everyMs: number;
  /** A PING unanswered this long makes the connection suspect; left out where nobody asks. */
  readonly lateMs?: number | undefined;
  /** The same when {@link PingWatchHooks.proof} holds; `lateMs` by default. */
  readonly provenLateMs?: number | undefined;
  /** A PING unanswered this long makes it dead. */
  readonly deadMs: number;
  /** The same when {@link PingWatchHooks.proof} holds; `deadMs` by default. */
  readonly provenDeadMs?: number | undefined;
}

/** What a {@link PingWatch} asks and tells. */
export interface PingWatchHooks {
  /** Sends a PING; `pong` is to be called when it is answered. */
  ping(pong: () => void): void;
  /** Whether something else than silence speaks for a broken connection: the PING goes out at once then. */
  proof?(): boolean;
  /** The connection is suspect. Once a start. */
  late?(): void;
  /** The connection is dead; the watch has stopped. */
  dead(): void;
}

/** Finds out by PING whether a connection is dead. Runs from `start` to `stop`. */
export class PingWatch {
  readonly #rules: PingRules;
  readonly #hooks: PingWatchHooks;
  readonly #tickMs: number;
  #stopTicking: (() => void) | undefined;
  #untilPing = 0;
  #silentMs = 0;
  /** The PING that is unanswered; a stale answer belongs to another. */
  #asked: symbol | undefined;
  #suspect = false;

  constructor(rules: PingRules, hooks: PingWatchHooks) {
    this.#rules = rules;
    this.#hooks = hooks;
    const { firstMs, everyMs, deadMs, lateMs = deadMs, provenLateMs = lateMs, provenDeadMs = deadMs } = rules;
    this.#tickMs = Math.max(1, Math.floor(Math.min(firstMs, everyMs, lateMs, provenLateMs, deadMs, provenDeadMs) / 2));
  }

  start(): void {
    this.stop();
    this.#untilPing = this.#rules.firstMs;
    this.#suspect = false;
    this.#stopTicking = observeTime(this.#tickMs, (observed) => this.#tick(observed));
  }

  stop(): void {
    this.#stopTicking?.();
    this.#stopTicking = undefined;
    this.#asked = undefined;
    this.#silentMs = 0;
  }

  /** The peer was heard by other means than the answer to a PING. */
  heard(): void {
    this.#silentMs = 0;
  }

  #tick(observed: number): void {
    if (this.#asked === undefined) this.#quiet(observed);
    else this.#silent(observed);
  }

  #quiet(observed: number): void {
    this.#untilPing -= observed;
    if (this.#untilPing > 0 && !this.#proven()) return;
    const asked = Symbol("ping");
    this.#asked = asked;
    this.#silentMs = 0;
    this.#hooks.ping(() => {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      this.#untilPing = this.#rules.everyMs;
    });
  }

  #silent(observed: number): void {
    const { lateMs, provenLateMs = lateMs, deadMs, provenDeadMs = deadMs } = this.#rules;
    const proven = this.#proven();
    const suspectMs = proven ? provenLateMs : lateMs;
    this.#silentMs += observed;
    if (suspectMs !== undefined && !this.#suspect && this.#silentMs >= suspectMs) {
      this.#suspect = true;
      this.#hooks.late?.();
    }
    if (this.#silentMs < (proven ? provenDeadMs : deadMs)) return;
    this.stop();
    this.#hooks.dead();
  }

  #proven(): boolean {
    return this.#hooks.proof?.() === true;
  }
}
