import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { encodeEnvelope, payloadsOf as payloadsOfChunk } from "millrace/internal/wire/frames";
import { listenEmbedded } from "millrace-server/embedded/node";
import { afterAll, describe, expect, it } from "vitest";
import { ANSWERS, comparable, learn, standIn, translatedRequest, type Known } from "./eventstoredb-messages.js";
import { endOf, isShortened, payloadsOf, recordingsOf, type RecordedCall } from "./recording.js";

// Our embedded server against what a real one was asked, byte for byte, and against what that one answered.

/** How long a call may be silent before the next one begins, which may be what it waits for. */
const QUIET_MS = 60;
/** A group's reader that stayed for longer waited for something. */
const PATIENT_MS = 700;
/** How long what is still open at the end of a file may take: the server's timer goes every second. */
const LAST_MS = 2_500;

const OUT_OF_REACH = /\/event_store\.client\.(projections|operations|monitoring)\./;
/** Files that one server took after one another, and whether it checked users. */
const RUNS: readonly { readonly files: readonly string[]; readonly users: boolean }[] = [
  { files: ["append", "batch", "read", "subscribe", "delete", "persistent", "corners"], users: false },
  { files: ["secure"], users: true },
];

const LATE = "the real server still lists a reader for a moment that has left";
const CHECKPOINTS = "a group on a filtered log saves how far it got by time, even without a reader";
const TRACES = "how many records groups left in the log, and with it how many pages it has, is a matter of time";
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["secure/35", "a login that is not base64 is UNAUTHENTICATED, where the real server fails without a status"],
  ["secure/78", "a disabled user is refused at once; the real server still knows the login for a moment"],
  ["persistent/5", "a group on a stream without a name is INVALID_ARGUMENT, where the real server never answers"],
  ["persistent/22", LATE],
  ["persistent/33", LATE],
  ["persistent/51", CHECKPOINTS],
  ["persistent/63", CHECKPOINTS],
  ["persistent/65", CHECKPOINTS],
  ["corners/10", TRACES],
  ["corners/11", TRACES],
  ["corners/12", TRACES],
]);

/** Readers that must still be there when a later call comes. */
const HELD: ReadonlyMap<string, string> = new Map([["persistent/38", "persistent/40"], ["persistent/39", "persistent/40"]]);
/** Reads that come when what was written is too old, and how old that is. */
const LATER: ReadonlyMap<string, number> = new Map([["delete/44", 1_100]]);

const counts = { replayed: 0, shortened: 0, outOfReach: 0, exceptions: 0 };

describe("the embedded EventStoreDB, asked what a real server was asked", () => {
  const recordings = recordingsOf("eventstoredb");

  it.each(RUNS)("answers each call of $files as the real one did", async ({ files, users }) => {
    const server = await listenEmbedded({ systems: ["eventstoredb"], eventstoredb: { users } });
    const session = connect(server.url);
    const known: Known = { positions: new Map(), ids: new Map() };
    const differences: object[] = [];
    try {
      for (const file of files) {
        const replays: Replay[] = [];
        for (const call of recordings.get(file) ?? []) {
          if (OUT_OF_REACH.test(call.path)) {
            counts.outOfReach += 1;
            continue;
          }
          const name = `${file}/${call.n}`;
          await elapsed(LATER.get(name) ?? 0);
          const replay = new Replay(session, call, known);
          replays.push(replay);
          await replay.settled(patience(call));
          await replay.lived();
          for (const one of replays) {
            const until = HELD.get(`${file}/${one.call.n}`);
            if (one.isComplete && (until === undefined || until === name)) await one.leave();
          }
        }
        for (const replay of replays) {
          await replay.settled(LAST_MS);
          const name = `${file}/${replay.call.n}`;
          await replay.leave();
          if (EXCEPTIONS.has(name)) counts.exceptions += 1;
          else {
            counts[isShortened([...replay.call.request.messages, ...replay.call.response.messages]) ? "shortened" : "replayed"] += 1;
            const difference = replay.difference();
            if (difference !== undefined) differences.push({ name, scenario: replay.call.scenario, ...difference });
          }
        }
      }
    } finally {
      session.destroy();
      await server.close();
    }
    expect(differences).toEqual([]);
  }, 60_000);

  afterAll(() => {
    process.stdout.write(`golden/eventstoredb, the embedded server: ${JSON.stringify(counts)}\n`);
    expect(counts.exceptions).toBeLessThanOrEqual(15);
  });
});

/** How long a call may be silent: a group's reader that got what timed out waits for the server's timer. */
function patience({ ms = 0, path }: RecordedCall): number {
  return path.endsWith("PersistentSubscriptions/Read") && ms > PATIENT_MS ? 4_500 : QUIET_MS;
}

async function elapsed(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => { setTimeout(resolve, ms); });
}

/** One recorded call, asked again. */
class Replay {
  readonly call: RecordedCall;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #known: Known;
  readonly #wanted: number;
  #body: Buffer = Buffer.alloc(0);
  #fields: Record<string, unknown> = {};
  #ended = false;
  #lastNews = Date.now();
  #sent = 0;
  readonly #began = Date.now();
  #wake = (): void => {};

  constructor(session: ClientHttp2Session, call: RecordedCall, known: Known) {
    this.call = call;
    this.#session = session;
    this.#known = known;
    this.#wanted = call.response.messages.length;
    const { "grpc-timeout": _, ...headers } = call.request.headers;
    this.#stream = session.request({ ":method": "POST", ":path": call.path, ...headers });
    this.#stream.on("response", (fields) => this.#news(() => Object.assign(this.#fields, fields)));
    this.#stream.on("trailers", (fields) => this.#news(() => Object.assign(this.#fields, fields)));
    this.#stream.on("data", (bytes: Buffer) => this.#news(() => { this.#body = Buffer.concat([this.#body, bytes]); }));
    this.#stream.on("error", () => undefined);
    this.#stream.on("close", () => this.#news(() => { this.#ended = true; }));
    this.#send();
  }

  /** Resolves when the server knows. */
  async leave(): Promise<void> {
    if (this.#stream.closed) return;
    await this.#answeredPing();
    this.#stream.close(8);
    await this.#answeredPing();
  }

  /** What was sent before it has been taken. */
  #answeredPing(): Promise<void> {
    return new Promise((resolve) => { this.#session.ping(() => resolve()); });
  }

  /** Resolves when all that was recorded has come, or when the call was silent for so long. */
  async settled(quietMs: number): Promise<void> {
    this.#lastNews = Date.now();
    while (!this.isComplete) {
      const left = this.#lastNews + quietMs - Date.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Resolves when a group's reader was there for as long as the recorded one, who saw the server's timer. */
  async lived(): Promise<void> {
    const { ms = 0, path } = this.call;
    if (path.endsWith("PersistentSubscriptions/Read") && ms > PATIENT_MS) await elapsed(this.#began + ms - Date.now());
  }

  /** What differs; `undefined` when nothing does. */
  difference(): object | undefined {
    const theirs = this.#theirAnswer();
    const ours = this.#ourAnswer();
    return JSON.stringify(theirs, plain) === JSON.stringify(ours, plain) ? undefined : { theirs, ours };
  }

  get isComplete(): boolean {
    if (this.#sent < this.call.request.messages.length && !this.#ended) return false;
    return this.#ended || (this.call.ended === "cancelled by client" && this.#payloads().length >= this.#wanted);
  }

  #news(take: () => void): void {
    take();
    this.#lastNews = Date.now();
    this.#learn();
    this.#send();
    this.#wake();
  }

  /** Sends what was recorded to have been sent once so many messages had come. */
  #send(): void {
    let come = this.#payloads().length;
    let messages = 0;
    for (const event of this.call.order) {
      if (event === "s" && --come < 0) return;
      if (event === "c" && ++messages > this.#sent) this.#sendNext();
      if (event === "C" && !this.#stream.writableEnded) this.#stream.end();
    }
  }

  #sendNext(): void {
    const message = this.call.request.messages[this.#sent];
    this.#sent += 1;
    if (message === undefined || this.#stream.destroyed) return;
    const payload = typeof message === "string" ? new Uint8Array(Buffer.from(message, "base64")) : standIn(this.call.path, message);
    this.#stream.write(encodeEnvelope(translatedRequest(this.call.path, payload, this.#known)));
  }

  #payloads(): Uint8Array[] {
    return payloadsOfChunk(new Uint8Array(this.#body.subarray(0, wholeBytes(this.#body))));
  }

  #decoded(payloads: readonly Uint8Array[]): object[] {
    const codec = ANSWERS[this.call.path];
    return codec === undefined ? [] : payloads.map((payload) => codec.decode(payload));
  }

  #learn(): void {
    if (isShortened(this.call.response.messages)) return;
    learn(this.#decoded(payloadsOf(this.call.response.messages)), this.#decoded(this.#payloads()), this.#known);
  }

  #theirAnswer(): object {
    const end = endOf(this.call);
    return answerOf(Number(this.call.response.headers?.[":status"] ?? 200), end?.fields, this.#decoded(payloadsOf(this.call.response.messages)));
  }

  #ourAnswer(): object {
    const ended = this.#fields["grpc-status"] !== undefined && this.call.ended === "ended by server";
    const payloads = this.call.ended === "ended by server" ? this.#payloads() : this.#payloads().slice(0, Math.max(this.#wanted, 1));
    return answerOf(Number(this.#fields[":status"] ?? 200), ended ? (this.#fields as Record<string, string>) : undefined, this.#decoded(payloads));
  }
}

const TRAILERS = ["grpc-message", "exception", "stream-name", "group-name", "reason", "expected-version", "actual-version", "login-name", "maximum-append-size", "required-metadata-properties"];

function answerOf(http: number, fields: Record<string, string> | undefined, messages: object[]): object {
  const said = TRAILERS.flatMap((name) => (fields?.[name] === undefined ? [] : [[name, decodeURIComponent(fields[name])]]));
  return { http, status: fields === undefined ? undefined : Number(fields["grpc-status"]), said: Object.fromEntries(said) as object, messages: messages.map((one) => comparable(one)) };
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** How many of the bytes are whole envelopes. */
function wholeBytes(body: Buffer): number {
  let at = 0;
  while (at + 5 <= body.length && at + 5 + body.readUInt32BE(at + 1) <= body.length) at += 5 + body.readUInt32BE(at + 1);
  return at;
}
