import type { ResumeClock } from "millrace/internal/core/subscription";
import type { MessageRow } from "millrace/internal/wire/message-row";
import { pollFeed, type PageReader } from "millrace/internal/messagedb/subscribe-poll";
import { MAX_PAGE } from "millrace/internal/wire/messagedb";
import type { SubscriptionRequest } from "./requests.js";
import type { Tails } from "./tails.js";
import { errorOf, toWireError } from "./wire-error.js";

/** The stream that a {@link Follower} writes to. */
export interface Lines {
  /** Whether its reader does not keep up: nothing is written until it does. */
  readonly blocked: boolean;
  /** Resolves when it is not blocked; rejects when the stream has ended. */
  writable(): Promise<void>;
  write(line: string): void;
}

/** How the database is asked again and again. */
export interface Polling {
  readonly reader: PageReader;
  readonly pollMs: number;
  readonly clock: ResumeClock;
}

/** A position in a source's own order. */
export function placeIn({ kind }: SubscriptionRequest["source"], row: MessageRow): bigint {
  return BigInt(row[kind === "stream" ? 3 : 4]);
}

/** One subscription of one stream: where it is, and its lines. */
export class Follower {
  readonly request: SubscriptionRequest;
  readonly lines: Lines;
  /** Inclusive: where it reads on. */
  at: bigint;
  /** Told that nothing stored is left. */
  live = false;
  /** The poll of its tail that had begun when it came; only a later one proves anything for it. */
  since = 0;
  over = false;
  /** Takes it from the tail that it follows. */
  leave = (): void => undefined;
  readonly #ending = new AbortController();
  readonly #polling: Polling;
  readonly #tails: Tails | undefined;
  readonly #label: string;

  constructor(request: SubscriptionRequest, lines: Lines, polling: Polling, tails: Tails | undefined) {
    this.request = request;
    this.lines = lines;
    this.at = request.start;
    this.#polling = polling;
    this.#tails = tails;
    this.#label = `{"s":${request.s},`;
  }

  /** Begins: with those that are there already where it can, else by itself. */
  start(): void {
    if (this.#tails?.takes(this) === true) this.#tails.join(this);
    else void this.#catchUp().catch((error: unknown) => this.fail(error));
  }

  /** @param texts Rows as JSON, joined by commas. @param next Where it reads on. */
  messages(texts: string, next: bigint): void {
    this.at = next;
    this.#write(`"m":[${texts}]`);
  }

  gap(from: bigint, to: bigint): void {
    this.at = to + 1n;
    this.#write(`"gap":["${from}","${to}"]`);
  }

  tellLive(): void {
    this.live = true;
    this.#write('"live":true');
  }

  /** It is more than a page behind: it is told to read pages, or in `"$all"`, where gaps must be waited for, reads on by itself. */
  fallBehind(): void {
    if (this.request.source.kind === "all") return this.start();
    this.#write('"behind":true');
    this.end();
  }

  fail(error: unknown): void {
    this.#write(`"error":${JSON.stringify(toWireError(errorOf(error)))}`);
    this.end();
  }

  /** Nothing more is written. */
  end(): void {
    this.over = true;
    this.leave();
    this.#ending.abort();
  }

  #write(rest: string): void {
    if (!this.over) this.lines.write(`${this.#label}${rest}}\n`);
  }

  /** Reads on by itself, no faster than the stream is read, until it can go on with others. */
  async #catchUp(): Promise<void> {
    const { request: { source, gapTimeoutMs }, lines } = this;
    const { reader, pollMs, clock } = this.#polling;
    const feed = pollFeed(reader, { source, start: this.at, limit: MAX_PAGE, pollMs, gapTimeoutMs, signal: this.#ending.signal, clock });
    for (;;) {
      await lines.writable();
      const part = await feed.next();
      if (part === "live") {
        if (this.#tails !== undefined) return this.#tails.join(this);
        this.tellLive();
      } else if ("from" in part) this.gap(part.from, part.to);
      else if (source.kind !== "all" && part.length >= MAX_PAGE) return this.fallBehind();
      else this.messages(part.map((row) => JSON.stringify(row)).join(","), placeIn(source, part.at(-1) as MessageRow) + 1n);
    }
  }
}
