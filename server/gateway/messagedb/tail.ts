import { pollFeed } from "millrace/internal/messagedb/subscribe-poll";
import type { FeedPart } from "millrace/internal/messagedb/subscribe";
import type { MessageRow } from "millrace/internal/wire/message-row";
import { MAX_PAGE } from "millrace/internal/wire/messagedb";
import { placeIn, type Follower, type Polling } from "./follower.js";

/** What is kept for followers that are a little behind, at most. */
const KEPT_MESSAGES = 1_000;
const KEPT_CHARACTERS = 4 * 1024 * 1024;
/** A line is cut when it is longer, so that a slow reader is noticed in time. */
const LINE_CHARACTERS = 256 * 1024;

interface Entry {
  readonly place: bigint;
  /** The row as JSON; a gap's first position. */
  readonly text: string | bigint;
}

/** One loop over the end of one source, and what it brought last, for all its followers. */
export class Tail {
  readonly #polling: Polling;
  readonly #source: Follower["request"]["source"];
  readonly #followers = new Set<Follower>();
  readonly #ending = new AbortController();
  readonly #ended: () => void;
  readonly #gapTimeoutMs: number;
  /** Ends the loop alone. */
  #reading = new AbortController();
  /** Whether anything came, so that nothing below where it is read on can still come. Where it began may be past the end. */
  #proven = false;
  #entries: Entry[] = [];
  #characters = 0;
  #from: bigint;
  /** Polls that were begun, and the last of them that found nothing. */
  #polls = 0;
  #empty = 0;
  /** The last line's entries: followers mostly want the same. */
  #line: { readonly first: Entry | undefined; readonly length: number; readonly texts: string } = { first: undefined, length: 0, texts: "" };
  #widening: Promise<void> | undefined;

  /** @param first Where it begins. @param ended Hears that nobody follows it any more, or that it failed. */
  constructor(polling: Polling, first: Follower, ended: () => void) {
    this.#polling = polling;
    this.#source = first.request.source;
    this.#from = first.at;
    this.#ended = ended;
    this.#gapTimeoutMs = first.request.gapTimeoutMs;
    this.#begin(first.at);
  }

  /** Inclusive: from here on everything is held. */
  get from(): bigint {
    return this.#from;
  }

  add(follower: Follower): void {
    follower.since = this.#polls;
    this.#followers.add(follower);
    follower.leave = () => this.#remove(follower);
    this.flush(follower);
  }

  /** Writes what a follower has not got yet, as far as its stream takes it. */
  flush(follower: Follower): void {
    const { lines } = follower;
    if (!this.#followers.has(follower)) return;
    while (!lines.blocked) {
      if (follower.at < this.#from) return this.#widen(follower);
      const at = this.#indexOf(follower.at);
      if (at === this.#entries.length) break;
      this.#writeFrom(at, follower);
    }
    if (lines.blocked) void lines.writable().then(() => this.flush(follower), () => undefined);
    else if (!follower.live && this.#empty > follower.since) follower.tellLive();
  }

  #indexOf(place: bigint): number {
    let index = this.#entries.length;
    while (index > 0 && (this.#entries[index - 1] as Entry).place >= place) index -= 1;
    return index;
  }

  #writeFrom(at: number, follower: Follower): void {
    const first = this.#entries[at] as Entry;
    if (typeof first.text === "bigint") return follower.gap(first.text, first.place);
    if (this.#line.first !== first) {
      let characters = 0;
      const texts: string[] = [];
      for (let index = at; index < this.#entries.length && characters < LINE_CHARACTERS; index += 1) {
        const { text } = this.#entries[index] as Entry;
        if (typeof text === "bigint") break;
        characters += text.length;
        texts.push(text);
      }
      this.#line = { first, length: texts.length, texts: texts.join(",") };
    }
    const last = this.#entries[at + this.#line.length - 1] as Entry;
    follower.messages(this.#line.texts, last.place + 1n);
  }

  /** Reads what lies between a follower and what is held, once for all that come meanwhile. */
  #widen(follower: Follower): void {
    if (this.#source.kind === "all") {
      if (this.#proven) return this.#release(follower);
      this.#from = follower.at;
      this.#begin(follower.at);
      return this.flush(follower);
    }
    this.#widening ??= this.#readBack(follower.at).finally(() => { this.#widening = undefined; });
    void this.#widening.then(() => this.flush(follower), (error: unknown) => this.#drop(follower, error));
  }

  async #readBack(from: bigint): Promise<void> {
    const proven = this.#proven;
    const page = await this.#polling.reader.page(this.#source, from, MAX_PAGE, this.#ending.signal);
    // What has come meanwhile may lie past more that this page could not see: it is read again.
    if (this.#proven !== proven) return;
    if (page.length >= MAX_PAGE) {
      for (const follower of this.#followers) if (follower.at < this.#from) this.#release(follower);
      return;
    }
    const older = page.map((row) => this.#entry(row)).filter(({ place }) => place < this.#from);
    this.#entries = [...older, ...this.#entries];
    this.#characters += older.reduce((sum, { text }) => sum + String(text).length, 0);
    this.#from = from < this.#from ? from : this.#from;
    this.#forgetLine();
    if (this.#proven) return;
    const last = older.at(-1);
    this.#proven = last !== undefined;
    this.#begin(last === undefined ? this.#from : last.place + 1n);
  }

  /** Reads from there on, and no more from where it did. */
  #begin(start: bigint): void {
    this.#reading.abort();
    if (this.#ending.signal.aborted) return;
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    void this.#run(start, signal).catch((error: unknown) => { if (!signal.aborted) this.#fail(error); });
  }

  async #run(start: bigint, signal: AbortSignal): Promise<void> {
    const { reader, pollMs, clock } = this.#polling;
    const counting: typeof reader = {
      writers: (ending) => reader.writers(ending),
      page: async (...asked) => {
        const poll = ++this.#polls;
        const rows = await reader.page(...asked);
        if (rows.length === 0 && !signal.aborted) this.#foundNothing(poll);
        return rows;
      },
    };
    const feed = pollFeed(counting, { source: this.#source, start, limit: MAX_PAGE, pollMs, gapTimeoutMs: this.#gapTimeoutMs, signal, clock });
    for (;;) {
      const part = await feed.next();
      if (signal.aborted) return;
      if (part !== "live") this.#take(part);
    }
  }

  #foundNothing(poll: number): void {
    this.#empty = poll;
    for (const follower of this.#followers) if (!follower.live) this.flush(follower);
  }

  #take(part: Exclude<FeedPart, "live">): void {
    this.#proven = true;
    if ("from" in part) this.#entries.push({ place: part.to, text: part.from });
    // More than a page at once is history: it is read page by page, by each as fast as it can.
    else if (part.length >= MAX_PAGE && this.#source.kind !== "all") return this.#leaveBehind(part);
    else this.#push(part);
    for (const follower of this.#followers) this.flush(follower);
    while (this.#entries.length > KEPT_MESSAGES || (this.#characters > KEPT_CHARACTERS && this.#entries.length > 1)) this.#shift();
  }

  #push(rows: readonly MessageRow[]): void {
    for (const row of rows) {
      const entry = this.#entry(row);
      this.#characters += String(entry.text).length;
      this.#entries.push(entry);
    }
    this.#forgetLine();
  }

  #shift(): void {
    const oldest = this.#entries.shift() as Entry;
    this.#characters -= typeof oldest.text === "string" ? oldest.text.length : 0;
    this.#from = oldest.place + 1n;
  }

  #leaveBehind(page: readonly MessageRow[]): void {
    this.#from = placeIn(this.#source, page.at(-1) as MessageRow) + 1n;
    this.#entries = [];
    this.#characters = 0;
    this.#forgetLine();
    for (const follower of this.#followers) if (follower.at < this.#from) this.#release(follower);
  }

  #entry(row: MessageRow): Entry {
    return { place: placeIn(this.#source, row), text: JSON.stringify(row) };
  }

  #forgetLine(): void {
    this.#line = { first: undefined, length: 0, texts: "" };
  }

  #release(follower: Follower): void {
    this.#remove(follower);
    follower.fallBehind();
  }

  #drop(follower: Follower, error: unknown): void {
    this.#remove(follower);
    follower.fail(error);
  }

  #remove(follower: Follower): void {
    if (this.#followers.delete(follower) && this.#followers.size === 0) this.#end();
  }

  #fail(error: unknown): void {
    const followers = [...this.#followers];
    this.#followers.clear();
    this.#end();
    for (const follower of followers) follower.fail(error);
  }

  #end(): void {
    this.#ending.abort();
    this.#reading.abort();
    this.#ended();
  }
}
