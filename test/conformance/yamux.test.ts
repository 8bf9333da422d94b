import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { YamuxSession, type YamuxSessionOptions } from "millrace/internal/wire/yamux-session";
import type { YamuxStream } from "millrace/internal/wire/yamux-stream";

// hashicorp/yamux is where the protocol comes from.
const source = fileURLToPath(new URL("./yamux", import.meta.url));

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-yamux-"));
  program = join(folder, "yamux");
  await promisify(execFile)("go", ["build", "-o", program, "."], { cwd: source });
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Starts the program and gives its lines as they come. */
function start(args: readonly string[]): { child: ChildProcess; line(): Promise<string> } {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  closing.push(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

/** One of our sessions over a TCP connection. */
function sessionOver(socket: Socket, options: Omit<YamuxSessionOptions, "send">): YamuxSession {
  const session = new YamuxSession({ ...options, send: (bytes) => { socket.write(bytes); } });
  socket.on("data", (bytes) => session.receive(bytes));
  socket.on("close", () => session.fail("closed"));
  socket.on("error", () => undefined);
  closing.push(() => socket.destroy());
  return session;
}

async function clientOf(options: Partial<YamuxSessionOptions> = {}): Promise<{ session: YamuxSession; line(): Promise<string> }> {
  const { line } = start(["server"]);
  const socket = connect(Number(await line()), "127.0.0.1");
  await once(socket, "connect");
  return { session: sessionOver(socket, { role: "client", ...options }), line };
}

interface Heard {
  readonly stream: YamuxStream;
  /** What came, once the peer has ended the stream. */
  readonly all: Promise<Buffer>;
  /** Resolves at the peer's reset. */
  readonly reset: Promise<void>;
  /** Resolves when what was kept has left. */
  readonly drained: Promise<void>;
}

function open(session: YamuxSession): Heard {
  const pieces: Buffer[] = [];
  let stream!: YamuxStream;
  let drain!: () => void;
  let reset!: () => void;
  const drained = new Promise<void>((resolve) => (drain = resolve));
  const wasReset = new Promise<void>((resolve) => (reset = resolve));
  const all = new Promise<Buffer>((resolve, reject) => {
    stream = session.open({
      data(piece) {
        pieces.push(Buffer.from(piece));
        stream.consumed(piece.length);
      },
      end: () => resolve(Buffer.concat(pieces)),
      reset(cause) {
        reset();
        reject(new Error(`The stream was reset: ${String(cause)}`));
      },
      drain,
    });
  });
  all.catch(() => undefined);
  return { stream, all, reset: wasReset, drained };
}

function ask(session: YamuxSession, what: string, more: Uint8Array = new Uint8Array(0)): Heard {
  const heard = open(session);
  heard.stream.write(Buffer.concat([Buffer.from(what), more]));
  return heard;
}

describe("yamux as the client of hashicorp/yamux", () => {
  it("gets 20 MB back on 50 streams, each half-closed before its answer is complete", async () => {
    const { session } = await clientOf();
    const sent = Array.from({ length: 50 }, () => randomBytes(400_000));
    const streams = sent.map((bytes) => ask(session, "E", bytes));
    for (const { stream } of streams) stream.end();
    const received = await Promise.all(streams.map(({ all }) => all));
    expect(received.every((bytes, i) => bytes.equals(sent[i] as Buffer))).toBe(true);
    expect(session.openStreams).toBe(0);
  }, 30_000);

  it("waits at the end of a window, while other streams go on, and sends the rest when it opens", async () => {
    const { session } = await clientOf();
    const slow = ask(session, "W");
    expect(slow.stream.write(new Uint8Array(1_000_000))).toBe(false);
    slow.stream.end();
    const beside = ask(session, "E", Buffer.from("beside"));
    beside.stream.end();
    expect((await beside.all).toString()).toBe("beside");
    let drained = false;
    void slow.drained.then(() => (drained = true));
    const gate = ask(session, "G");
    expect(drained).toBe(false);
    gate.stream.end();
    await slow.drained;
    expect((await slow.all).readUInt32BE()).toBe(1_000_000);
  });

  it("is understood when it resets a stream", async () => {
    const { session, line } = await clientOf();
    const { stream } = ask(session, "R", Buffer.from("abc"));
    const beside = ask(session, "E", Buffer.from("x"));
    beside.stream.end();
    await beside.all;
    stream.reset();
    expect(await line()).toBe("ended: connection reset");
    expect(session.openStreams).toBe(0);
  });

  it("hears of a reset, and the session goes on", async () => {
    const { session } = await clientOf();
    const closed = ask(session, "C");
    await closed.reset;
    const after = ask(session, "E", Buffer.from("after"));
    after.stream.end();
    expect((await after.all).toString()).toBe("after");
  });

  it("answers pings, and its own are answered", async () => {
    const values: number[] = [];
    const { session } = await clientOf({ pong: (value) => values.push(value) });
    const pinged = ask(session, "P");
    pinged.stream.end();
    expect([...(await pinged.all)]).toEqual([1]);
    session.ping(7);
    const after = ask(session, "E", Buffer.from("x"));
    after.stream.end();
    await after.all;
    expect(values).toEqual([7]);
  });

  it("opens no more after a go-away", async () => {
    const { session } = await clientOf();
    const last = ask(session, "A");
    last.stream.end();
    expect([...(await last.all)]).toEqual([1]);
    expect(session.canOpen).toBe(false);
  });
});

describe("yamux as the server of hashicorp/yamux", () => {
  it("echoes 20 MB on 50 streams, within its windows", async () => {
    const server = createServer((socket) => {
      sessionOver(socket, {
        role: "server",
        accept(stream) {
          let kept = 0;
          return {
            data(piece) {
              // Opens the window only for what has left again.
              if (stream.write(piece.slice())) stream.consumed(piece.length);
              else kept += piece.length;
            },
            drain() {
              stream.consumed(kept);
              kept = 0;
            },
            end: () => stream.end(),
            reset: () => undefined,
          };
        },
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    const { line } = start(["client", String((server.address() as AddressInfo).port)]);
    expect(await line()).toBe("echoed 20000000");
  }, 30_000);
});
