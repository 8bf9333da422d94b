import { deferred, type Deferred } from "millrace/internal/core/deferred";
import { MillraceError } from "millrace/internal/core/errors";
import { MESSAGEDB_HEARTBEAT_MS } from "millrace/internal/wire/messagedb";
import type { ResponseSink } from "../exchange.js";
import { Heartbeat } from "../heartbeat.js";
import { Follower, type Lines, type Polling } from "./follower.js";
import type { SubscriptionRequest } from "./requests.js";
import type { Tails } from "./tails.js";
import { toWireError } from "./wire-error.js";

/** What a {@link SubscriptionStream} needs beside its request. */
export interface StreamContext {
  readonly polling: Polling;
  /** Loops that are shared; none where requests cannot share anything. */
  readonly tails: Tails | undefined;
  /** How long a stream may stay unread, in milliseconds. */
  readonly stallMs: number;
}

/** Where each stream has connections of its own it is found sooner that nobody reads it: some runtimes see it by writing alone. */
const OWN_HEARTBEAT_MS = 3_000;

/** What comes together goes out together, where the answer ends with it. */
const GATHER_MS = 20;
const NEWS = /"(m|gap|behind|error)":/;

/** The answer to `subscribe`: the lines of several subscriptions, until its reader leaves. */
export class SubscriptionStream implements Lines {
  readonly #sink: ResponseSink;
  readonly #followers: readonly Follower[];
  readonly #heartbeat: Heartbeat;
  readonly #encoder = new TextEncoder();
  readonly #stallMs: number;
  readonly #ended: () => void;
  readonly #endsWithNews: boolean;
  #timers: ReturnType<typeof setTimeout>[] = [];
  #stall: ReturnType<typeof setTimeout> | undefined;
  #room: Deferred<void> | undefined;
  #over = false;

  /**
   * @param waitMs Ends it with the first news, or after so long; for readers who cannot read an answer before its end.
   * @param ended Hears that it is over.
   */
  constructor(sink: ResponseSink, request: { readonly items: readonly SubscriptionRequest[]; readonly waitMs: number | undefined }, context: StreamContext, ended: () => void) {
    this.#sink = sink;
    this.#stallMs = context.stallMs;
    this.#ended = ended;
    this.#endsWithNews = request.waitMs !== undefined;
    this.#heartbeat = new Heartbeat(context.tails === undefined ? OWN_HEARTBEAT_MS : MESSAGEDB_HEARTBEAT_MS, () => this.write('{"hb":"1"}\n'));
    this.#followers = request.items.map((item) => new Follower(item, this, context.polling, context.tails));
    if (request.waitMs !== undefined) this.#timers.push(setTimeout(() => this.end(), request.waitMs));
  }

  /** Begins to write. */
  start(): void {
    this.#sink.listen({ writable: () => this.#writable(), finished: () => this.#leave(), gone: () => this.#leave() });
    // So that it is seen at once whether something on the way holds answers back.
    this.write('{"hb":"0"}\n');
    for (const follower of this.#followers) follower.start();
  }

  get blocked(): boolean {
    return this.#room !== undefined;
  }

  writable(): Promise<void> {
    if (this.#over) return Promise.reject(new MillraceError("unavailable", "The stream has ended"));
    return this.#room?.promise ?? Promise.resolve();
  }

  write(line: string): void {
    if (this.#over) return;
    this.#heartbeat.note();
    if (this.#endsWithNews && NEWS.test(line)) this.#timers.push(setTimeout(() => this.end(), GATHER_MS));
    if (this.#sink.write(this.#encoder.encode(line)) || this.#room !== undefined) return;
    this.#room = deferred();
    this.#stall = setTimeout(() => this.end(stalled()), this.#stallMs);
  }

  /** Ends it; `error` is what its reader is told. */
  end(error?: MillraceError): void {
    if (this.#over) return;
    const last = error === undefined ? undefined : this.#encoder.encode(`${JSON.stringify({ error: toWireError(error) })}\n`);
    this.#leave();
    this.#sink.end(last);
    // What stays unread all the same is given up.
    const timer = setTimeout(() => this.#sink.destroy(), this.#stallMs);
    this.#settled = () => clearTimeout(timer);
  }

  #settled = (): void => undefined;

  #writable(): void {
    clearTimeout(this.#stall);
    const room = this.#room;
    this.#room = undefined;
    room?.resolve();
  }

  #leave(): void {
    this.#settled();
    if (this.#over) return;
    this.#over = true;
    this.#heartbeat.stop();
    clearTimeout(this.#stall);
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    for (const follower of this.#followers) follower.end();
    this.#room?.reject(new MillraceError("unavailable", "The stream has ended"));
    this.#ended();
  }
}

function stalled(): MillraceError {
  return new MillraceError("unavailable", "The stream was left unread for too long", { system: "messagedb", reason: "stalled", retryAfterMs: 0 });
}
