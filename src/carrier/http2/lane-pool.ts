import type { MillraceError } from "../../core/errors.js";
import type { Lane } from "../../wire/call-kinds.js";
import type { Call, CallQueue } from "./call.js";
import { notReady, upstreamClosed } from "./failure.js";
import { countDown } from "./observed-time.js";
import type { ResolvedUpstreamOptions } from "./options.js";
import { Session, type SessionOwner } from "./session.js";
import type { LaneStats } from "./types.js";

/** Connections of one lane at once, appends excepted: a server that allows few streams gets many, but not without end. */
const MOST_SESSIONS = 256;

/** Calls that a connection on its way is expected to take, until a server has said how many. */
const EXPECTED_CALLS = 256;

/** How long an idle connection is kept beyond the few that always are, in milliseconds. */
const IDLE_MS = 10_000;

/** What a lane counts together with the others. */
export interface SessionCounters {
  opened: number;
  lost: number;
}

/** The connections of one lane, and the calls that wait for one. */
export class LanePool implements SessionOwner, CallQueue {
  readonly #lane: Lane;
  readonly #options: ResolvedUpstreamOptions;
  readonly #counters: SessionCounters;
  /** Usable or on their way. */
  readonly #sessions = new Set<Session>();
  /** Those that take no more calls and still have some. */
  readonly #closing = new Set<Session>();
  /** Waiting calls in order, each with what stops its countdown. */
  readonly #waiting = new Map<Call, () => void>();
  #expected: number;
  #closed: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(lane: Lane, options: ResolvedUpstreamOptions, counters: SessionCounters) {
    this.#lane = lane;
    this.#options = options;
    this.#counters = counters;
    this.#expected = lane === "append" ? 1 : EXPECTED_CALLS;
  }

  add(call: Call): void {
    const session = this.#waiting.size === 0 ? this.#roomiest() : undefined;
    if (session !== undefined && session.take(call)) return;
    this.#limitWaiting(call);
    this.#dialMore();
  }

  left(call: Call): void {
    this.#takeOut(call);
  }

  opened(): void {
    this.#counters.opened++;
  }

  roomy(session: Session): void {
    if (session.capacity > 0) this.#expected = session.capacity;
    this.#assign();
    this.#sweepLater();
  }

  closing(session: Session, unready: MillraceError | undefined): void {
    this.#sessions.delete(session);
    this.#closing.add(session);
    if (unready !== undefined) this.#dialFailed(unready);
    // Whoever tells us is in the middle of its own end; new connections are for a moment later.
    queueMicrotask(() => this.#assign());
  }

  lost(): void {
    this.#counters.lost++;
  }

  gone(session: Session): void {
    this.#closing.delete(session);
    if (this.#closing.size === 0) this.#closed?.();
  }

  stats(): LaneStats {
    const all = [...this.#sessions, ...this.#closing];
    const sum = (of: (session: Session) => number): number => all.reduce((total, session) => total + of(session), 0);
    return {
      sessions: all.filter((session) => !session.connecting).length,
      connecting: [...this.#sessions].filter((session) => session.connecting).length,
      calls: sum((session) => session.calls),
      abandoned: sum((session) => session.abandoned),
      waiting: this.#waiting.size,
    };
  }

  /** Ends everything. Appends on their way get `graceMs` to end by themselves. */
  async close(graceMs: number): Promise<void> {
    clearTimeout(this.#sweeper);
    for (const call of [...this.#waiting.keys()]) this.#refuse(call, upstreamClosed(false));
    for (const session of [...this.#sessions, ...this.#closing]) session.shutDown();
    if (this.#closing.size === 0) return;
    const patience = setTimeout(() => {
      for (const session of this.#closing) session.destroy();
    }, graceMs);
    await new Promise<void>((resolve) => void (this.#closed = resolve));
    clearTimeout(patience);
  }

  #assign(): void {
    for (const call of this.#waiting.keys()) {
      const session = this.#roomiest();
      if (session === undefined) break;
      this.#hand(call, session);
    }
    this.#dialMore();
  }

  #hand(call: Call, session: Session): void {
    const stop = this.#waiting.get(call);
    this.#waiting.delete(call);
    stop?.();
    if (!session.take(call)) this.#limitWaiting(call);
  }

  #roomiest(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) if (session.room > (best?.room ?? 0)) best = session;
    return best;
  }

  #dialMore(): void {
    let connecting = 0;
    let trusted = 0;
    for (const session of this.#sessions) {
      if (session.connecting) connecting++;
      if (!session.suspect) trusted++;
    }
    const most = this.#lane === "append" ? this.#options.appendSessions : MOST_SESSIONS;
    for (; this.#waiting.size > connecting * this.#expected && trusted < most; connecting++, trusted++) {
      this.#sessions.add(new Session(this.#lane, this.#options, this));
    }
  }

  /** The calls that the failed connection was meant for fail with it; the others still have theirs. */
  #dialFailed(error: MillraceError): void {
    const othersStand = [...this.#sessions].some((session) => session.ready);
    let share = othersStand ? this.#expected : Infinity;
    for (const call of [...this.#waiting.keys()]) {
      if (share-- <= 0) break;
      this.#refuse(call, error);
    }
  }

  #limitWaiting(call: Call): void {
    this.#waiting.set(call, countDown(this.#patience(call), () => this.#tooLong(call)));
  }

  #patience(call: Call): number {
    return Math.min(call.connectTimeoutMs ?? Infinity, this.#options.connectTimeoutMs);
  }

  #tooLong(call: Call): void {
    // An append waits for its turn, not for a connection, as long as there is one; its owner's deadline ends that.
    if (this.#lane === "append" && [...this.#sessions].some((session) => session.ready)) this.#limitWaiting(call);
    else this.#refuse(call, notReady(this.#patience(call)));
  }

  #refuse(call: Call, error: MillraceError): void {
    this.#takeOut(call);
    call.fail({ error, sent: false, answered: false });
  }

  #takeOut(call: Call): void {
    this.#waiting.get(call)?.();
    this.#waiting.delete(call);
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined || this.#sessions.size <= 1) return;
    this.#sweeper = setTimeout(() => this.#sweep(), IDLE_MS);
    this.#sweeper.unref();
  }

  /** Closes what was idle all the time, but for the few that the next calls find ready. */
  #sweep(): void {
    this.#sweeper = undefined;
    let kept = this.#lane === "append" ? this.#options.appendSessions : 1;
    for (const session of [...this.#sessions]) {
      if (session.connecting || session.idleMs < IDLE_MS) continue;
      if (kept-- <= 0) session.retire();
    }
    this.#sweepLater();
  }
}
