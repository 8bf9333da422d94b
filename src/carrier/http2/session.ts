import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { MillraceError } from "../../core/errors.js";
import type { Lane } from "../../wire/call-kinds.js";
import type { Call, CallSession } from "./call.js";
import { CancelQueue } from "./cancel-queue.js";
import { connectionLost, connectionSilent, notReached, notReady, upstreamClosed } from "./failure.js";
import { countDown } from "./observed-time.js";
import type { ResolvedUpstreamOptions } from "./options.js";
import { PingWatch, type PingRules } from "./ping-watch.js";
import { dial } from "./socket.js";

/** What a {@link Session} tells the lane that it belongs to. */
export interface SessionOwner {
  /** SETTINGS came for the first time. */
  opened(session: Session): void;
  /** SETTINGS came, a call ended, or an append became suspect: there may be room. */
  roomy(session: Session): void;
  /**
   * The session takes no calls any more.
   *
   * @param unready Why it never stood.
   */
  closing(session: Session, unready: MillraceError | undefined): void;
  /** The session broke, or was given up, while calls were open on it. */
  lost(session: Session): void;
  /** The connection is gone and no call is left on it. */
  gone(session: Session): void;
}

/** Calls at once on a session whose server sets no limit: a session that is lost takes no more than these along. */
const MOST_CALLS = 256;

/** The part of the server's stream limit that is used: streams that close count there longer than here. */
const USED_SHARE = 0.8;

/** Stream ids of HTTP/2 end at 2^31, every other one ours. */
const MOST_STREAMS = 2 ** 29;

/**
 * Bytes that came while an append has no response headers, and can only be a part of them: all else that a server
 * sends then (SETTINGS, PING, WINDOW_UPDATE) stays far below.
 */
const ANSWER_BYTES = 8 * 1024;

/** The whole session's receive window. Node returns it as bytes come, read or not, so it bounds the speed, not the memory. */
const SESSION_WINDOW_BYTES = 16 * 1024 * 1024;

/** Milliseconds between two PINGs of an append that is late and whose session answers. */
const APPEND_PING_MS = 500;

/** Milliseconds of silence after which an append's session is suspect; if an answer was seen to come, suspect and dead. */
const APPEND_SUSPECT_MS = 50;
const APPEND_PROVEN_SUSPECT_MS = 20;
const APPEND_PROVEN_DEAD_MS = 150;

/** One HTTP/2 connection of one lane, from the dialling to the end of its last call. */
export class Session implements CallSession {
  readonly lane: Lane;
  readonly #options: ResolvedUpstreamOptions;
  readonly #owner: SessionOwner;
  readonly #socket: Socket;
  readonly #h2: ClientHttp2Session;
  readonly #calls = new Set<Call>();
  readonly #cancels: CancelQueue;
  readonly #watch: PingWatch | undefined;
  readonly #stopWaiting: () => void;
  #state: "connecting" | "ready" | "closing" | "gone" = "connecting";
  #capacity = 0;
  #streams = 0;
  #lastTaken = Infinity;
  #bytesBefore = 0;
  #suspect = false;
  #lost = false;
  #idleSince = performance.now();
  #broken: unknown;

  constructor(lane: Lane, options: ResolvedUpstreamOptions, owner: SessionOwner) {
    this.lane = lane;
    this.#options = options;
    this.#owner = owner;
    this.#socket = dial(options);
    this.#h2 = connect(options.url.origin, {
      createConnection: () => this.#socket,
      settings: { initialWindowSize: options.windowBytes, enablePush: false },
    });
    this.#watch = options.watch === "none" ? undefined : this.#pingWatch();
    this.#cancels = new CancelQueue(options.watch === "none" ? undefined : (pong) => this.#ping(pong));
    this.#stopWaiting = countDown(options.connectTimeoutMs, () => this.#giveUp(notReady(options.connectTimeoutMs)));
    this.#listen(this.#h2);
  }

  /** Calls that it takes now. */
  get room(): number {
    return this.#state === "ready" && !this.#h2.closed && !this.#h2.destroyed ? Math.max(0, this.#capacity - this.#calls.size) : 0;
  }

  /** Calls that it takes at once; 0 before SETTINGS came. */
  get capacity(): number {
    return this.#capacity;
  }

  get connecting(): boolean {
    return this.#state === "connecting";
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  /** An append on it is late and its connection silent. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /** Streams that are open, abandoned ones included. */
  get calls(): number {
    return this.#calls.size;
  }

  get abandoned(): number {
    let count = 0;
    for (const call of this.#calls) if (call.abandoned) count++;
    return count;
  }

  /** Milliseconds without a call; 0 while there is one. */
  get idleMs(): number {
    return this.#calls.size > 0 ? 0 : performance.now() - this.#idleSince;
  }

  get destroyed(): boolean {
    return this.#h2.destroyed;
  }

  /** Sends the call. `false`: this session cannot any more, and the call still waits. */
  take(call: Call): boolean {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#h2.request(call.headers, { endStream: false });
    } catch (cause) {
      if (this.#h2.closed || this.#h2.destroyed) return false;
      throw cause;
    }
    this.#bytesBefore = this.#socket.bytesRead;
    this.#calls.add(call);
    if (this.#calls.size === 1) this.#busy();
    call.send(stream, this);
    if (++this.#streams >= MOST_STREAMS) this.retire();
    return true;
  }

  left(call: Call): void {
    const rule = this.#options.cancelling;
    if (!call.cancellable || rule === "never") call.runOut();
    else if (call.answered || rule === "immediate") call.reset();
    else this.#cancels.add(call);
  }

  heard(): void {
    this.#watch?.heard();
  }

  answered(call: Call): void {
    this.#suspect = false;
    this.#cancels.delete(call);
    if (call.abandoned && call.cancellable && this.#options.cancelling !== "never") call.reset();
  }

  closed(call: Call, lost: boolean): void {
    if (!this.#calls.delete(call)) return;
    if (lost) this.#countLoss();
    this.#cancels.delete(call);
    if (this.#calls.size === 0) this.#idle();
    if (this.#state === "ready") this.#owner.roomy(this);
  }

  refused(streamId: number): boolean {
    return streamId > this.#lastTaken;
  }

  /** Takes no more calls and closes when the last one ended. */
  retire(): void {
    this.#close(undefined);
    this.#h2.close();
  }

  /** Ends all calls as closed on this side. Appends that were sent run to their end, the rest goes at once. */
  shutDown(): void {
    this.#close(undefined);
    for (const call of this.#calls) call.fail({ error: upstreamClosed(true), sent: true, answered: call.answered });
    if ([...this.#calls].some((call) => !call.cancellable)) {
      for (const call of this.#calls) this.left(call);
      this.#h2.close();
    } else {
      this.destroy();
    }
  }

  /** Drops the connection. */
  destroy(): void {
    this.#close(undefined);
    this.#h2.destroy();
    this.#socket.destroy();
  }

  #listen(h2: ClientHttp2Session): void {
    h2.once("connect", () => {
      // Bun's streams stop for good after this call, and its windows need no help.
      if (!("bun" in process.versions)) h2.setLocalWindowSize(SESSION_WINDOW_BYTES);
    });
    h2.on("remoteSettings", ({ maxConcurrentStreams }) => this.#settings(maxConcurrentStreams));
    h2.on("goaway", (_code, lastStreamId) => this.#goaway(lastStreamId));
    h2.on("error", (error) => void (this.#broken = error));
    h2.once("close", () => this.#ended());
  }

  #settings(limit: number | undefined): void {
    const allowed = Math.max(1, Math.floor(Math.min(limit ?? Infinity, 2 ** 31) * USED_SHARE));
    this.#capacity = this.lane === "append" ? 1 : Math.min(MOST_CALLS, allowed);
    if (this.#state === "connecting") {
      this.#stopWaiting();
      this.#state = "ready";
      this.#idle();
      this.#owner.opened(this);
    }
    if (this.#state === "ready") this.#owner.roomy(this);
  }

  /** It may come twice: first without a last stream, then with the real one. */
  #goaway(lastStreamId: number): void {
    this.#lastTaken = lastStreamId;
    const first = this.ready;
    this.#close(this.connecting ? notReached(undefined) : undefined);
    if (first) for (const call of [...this.#calls]) call.goaway();
  }

  #busy(): void {
    this.#h2.ref();
    this.#watch?.start();
  }

  #idle(): void {
    this.#idleSince = performance.now();
    this.#suspect = false;
    this.#watch?.stop();
    // An idle connection must not keep a process alive.
    this.#h2.unref();
  }

  #pingWatch(): PingWatch {
    return new PingWatch(this.#pingRules(), {
      ping: (pong) => this.#ping(pong),
      proof: () => this.#answerSeen(),
      late: () => this.#late(),
      dead: () => this.#giveUp(connectionSilent(this.#answerSeen())),
    });
  }

  #pingRules(): PingRules {
    const { pingIntervalMs, pingTimeoutMs, appendLateMs, appendTimeoutMs } = this.#options;
    if (this.lane !== "append") return { firstMs: pingIntervalMs, everyMs: pingIntervalMs, deadMs: pingTimeoutMs };
    return {
      firstMs: appendLateMs,
      everyMs: APPEND_PING_MS,
      lateMs: APPEND_SUSPECT_MS,
      provenLateMs: APPEND_PROVEN_SUSPECT_MS,
      deadMs: appendTimeoutMs,
      provenDeadMs: Math.min(APPEND_PROVEN_DEAD_MS, appendTimeoutMs),
    };
  }

  #ping(pong: () => void): void {
    if (this.#h2.destroyed) return;
    this.#h2.ping((error) => {
      if (error === null || error === undefined) pong();
    });
  }

  /**
   * Whether the only call was answered although its response headers never came: Node stops reading, without a word,
   * at a header value of more than 64 KiB.
   */
  #answerSeen(): boolean {
    if (this.lane !== "append") return false;
    const [call] = this.#calls;
    return call !== undefined && !call.answered && this.#socket.bytesRead - this.#bytesBefore >= ANSWER_BYTES;
  }

  #late(): void {
    this.#suspect = true;
    for (const call of [...this.#calls]) call.late();
    this.#owner.roomy(this);
  }

  /** The peer is silent: the connection is dropped and its calls fail. */
  #giveUp(error: MillraceError): void {
    const answered = this.#answerSeen();
    this.#close(this.connecting ? error : undefined);
    this.#fail(error, answered);
    this.destroy();
  }

  /** The connection is gone, by whatever cause. */
  #ended(): void {
    this.#close(this.connecting ? notReached(this.#broken) : undefined);
    this.#fail(connectionLost(this.#broken), false);
    this.#watch?.stop();
    this.#cancels.stop();
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#owner.gone(this);
  }

  #fail(error: MillraceError, answered: boolean): void {
    const open = [...this.#calls].filter((call) => !call.abandoned);
    if (open.length > 0) this.#countLoss();
    for (const call of open) call.fail({ error, sent: true, answered: answered || call.answered });
  }

  #countLoss(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#owner.lost(this);
  }

  #close(unready: MillraceError | undefined): void {
    this.#stopWaiting();
    if (this.#state === "closing" || this.#state === "gone") return;
    this.#state = "closing";
    this.#owner.closing(this, unready);
  }
}
