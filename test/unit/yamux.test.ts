import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeYamuxHeader, encodeYamuxData, encodeYamuxHeader, YAMUX_INITIAL_WINDOW, YamuxError, yamuxFlag, yamuxGoAway, yamuxType } from "millrace/internal/wire/yamux";
import { YamuxSession, type YamuxSessionOptions } from "millrace/internal/wire/yamux-session";
import type { YamuxStream, YamuxStreamEvents } from "millrace/internal/wire/yamux-stream";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

/** Listens and keeps what it heard. */
function recorder(stream?: () => YamuxStream): YamuxStreamEvents & { log: string[]; bytes: number[] } {
  const log: string[] = [];
  const bytes: number[] = [];
  return {
    log,
    bytes,
    data(piece) { for (const byte of piece) bytes.push(byte); stream?.().consumed(piece.length); },
    end() { log.push("end"); },
    reset(cause) { log.push(cause === undefined ? "reset" : `lost: ${String(cause)}`); },
    drain() { log.push("drain"); },
  };
}

/** Two sessions joined by queues that are emptied by `run()`. */
function pair(server: Partial<YamuxSessionOptions> = {}, client: Partial<YamuxSessionOptions> = {}) {
  const toServer: Uint8Array[] = [];
  const toClient: Uint8Array[] = [];
  const a = new YamuxSession({ role: "client", send: (b) => { toServer.push(b); }, ...client });
  const b = new YamuxSession({ role: "server", send: (x) => { toClient.push(x); }, ...server });
  const run = (): void => {
    while (toServer.length + toClient.length > 0) {
      for (const bytes of toServer.splice(0)) b.receive(bytes);
      for (const bytes of toClient.splice(0)) a.receive(bytes);
    }
  };
  return { a, b, run, toServer, toClient };
}

/** The frames in a list of writes, as `type:flags:stream:length`. */
function frames(writes: readonly Uint8Array[]): string[] {
  return writes.map((w) => { const h = decodeYamuxHeader(w); return `${h.type}:${h.flags}:${h.streamId}:${h.length}`; });
}

function protocolError(act: () => void): string {
  try { act(); } catch (error) {
    if (error instanceof YamuxError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("YamuxSession.open()", () => {
  it("opens with the first bytes, odd ids for the client, even ones for the server", () => {
    const { a, b, toServer, toClient } = pair();
    for (let i = 0; i < 2; i++) {
      a.open(recorder()).write(new Uint8Array([1]));
      b.open(recorder()).write(new Uint8Array([1, 2]));
    }
    expect(frames(toServer)).toEqual(["0:1:1:1", "0:1:3:1"]);
    expect(frames(toClient)).toEqual(["0:1:2:2", "0:1:4:2"]);
  });

  it("carries bytes both ways, half-closes, and forgets the stream when both sides have ended", () => {
    let served: YamuxStream | undefined;
    const heard = recorder(() => served as YamuxStream);
    const { a, b, run } = pair({ accept: (stream) => { served = stream; return heard; } });
    const answer = recorder(() => mine);
    const mine = a.open(answer);
    mine.write(new Uint8Array([1, 2, 3]));
    mine.end();
    run();
    expect([heard.bytes, heard.log]).toEqual([[1, 2, 3], ["end"]]);
    served?.write(new Uint8Array([4, 5]));
    served?.end();
    run();
    expect([answer.bytes, answer.log]).toEqual([[4, 5], ["end"]]);
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
  });

  it("is refused after the peer's go-away, while open streams go on", () => {
    const heard = recorder();
    const codes: number[] = [];
    const { a, b, run } = pair({ accept: () => heard }, { goneAway: (code) => codes.push(code) });
    const open = a.open(recorder());
    open.write(new Uint8Array([1]));
    run();
    b.goAway();
    run();
    expect(codes).toEqual([yamuxGoAway.normal]);
    expect(a.canOpen).toBe(false);
    expect(() => a.open(recorder())).toThrow("takes no more calls");
    open.write(new Uint8Array([2]));
    run();
    expect(heard.bytes).toEqual([1, 2]);
  });

  it("is refused past `maxStreams`, and the peer's surplus is reset", () => {
    const { a, run } = pair({ accept: () => recorder(), maxStreams: 2 });
    const logs = [recorder(), recorder(), recorder()];
    for (const log of logs) a.open(log).write(new Uint8Array([1]));
    run();
    expect(logs.map((l) => l.log)).toEqual([[], [], ["reset"]]);
    const few = new YamuxSession({ role: "client", send: () => {}, maxStreams: 1 });
    few.open(recorder());
    expect(() => few.open(recorder())).toThrow("takes no more calls");
  });
});

describe("YamuxStream windows", () => {
  it("sends no more than the peer's window, keeps the rest, and drains as it is consumed", () => {
    const pieces: number[] = [];
    let served: YamuxStream | undefined;
    const { a, run, toServer } = pair({
      accept: (stream) => { served = stream; return { ...recorder(), data: (piece) => { pieces.push(piece.length); } }; },
    });
    const log = recorder();
    const stream = a.open(log);
    expect(stream.write(new Uint8Array(YAMUX_INITIAL_WINDOW + 10))).toBe(false);
    expect(frames(toServer)).toEqual([`0:1:1:${YAMUX_INITIAL_WINDOW}`]);
    run();
    expect(log.log).toEqual([]);
    served?.consumed(YAMUX_INITIAL_WINDOW);
    run();
    expect(log.log).toEqual(["drain"]);
    expect(pieces.reduce((x, y) => x + y, 0)).toBe(YAMUX_INITIAL_WINDOW + 10);
  });

  it("tells a larger window when the stream opens and when it is accepted", () => {
    const big = YAMUX_INITIAL_WINDOW * 4;
    const { a, run, toServer } = pair({ accept: () => recorder(), windowBytes: big }, { windowBytes: big });
    const log = recorder();
    const stream = a.open(log);
    stream.write(new Uint8Array([1]));
    expect(frames(toServer)).toEqual([`1:1:1:${big - YAMUX_INITIAL_WINDOW}`, "0:0:1:1"]);
    run();
    expect(stream.write(new Uint8Array(big - 1))).toBe(true);
  });

  it("half-closes only after what was kept", () => {
    let served: YamuxStream | undefined;
    const heard = recorder();
    const { a, run } = pair({ accept: (stream) => { served = stream; return { ...heard, data() {} }; } });
    const stream = a.open(recorder());
    stream.write(new Uint8Array(YAMUX_INITIAL_WINDOW + 1));
    stream.end();
    run();
    expect(heard.log).toEqual([]);
    served?.consumed(YAMUX_INITIAL_WINDOW);
    run();
    expect(heard.log).toEqual(["end"]);
  });

  it("drains also when the last of what was kept closes the stream", () => {
    let served: YamuxStream | undefined;
    const { a, b, run } = pair({ accept: (stream) => { served = stream; return { ...recorder(), data() {} }; } });
    const log = recorder();
    const stream = a.open(log);
    stream.write(new Uint8Array(YAMUX_INITIAL_WINDOW + 1));
    stream.end();
    run();
    served?.end();
    run();
    expect(log.log).toEqual(["end"]);
    served?.consumed(YAMUX_INITIAL_WINDOW);
    run();
    expect(log.log).toEqual(["end", "drain"]);
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
  });

  it("ends the connection when the peer overruns its window", () => {
    const sent: Uint8Array[] = [];
    const b = new YamuxSession({ role: "server", send: (x) => { sent.push(x); }, accept: () => recorder() });
    b.receive(encodeYamuxData(yamuxFlag.syn, 1, new Uint8Array(YAMUX_INITIAL_WINDOW)));
    const message = protocolError(() => b.receive(encodeYamuxData(0, 1, new Uint8Array(1))));
    expect(message).toContain("than its window allows");
    expect(frames(sent).at(-1)).toBe(`3:0:0:${yamuxGoAway.protocolError}`);
  });

  it("ends the connection when more comes for a stream that has ended than any window allows", () => {
    const b = new YamuxSession({ role: "server", send: () => {} });
    b.receive(encodeYamuxData(yamuxFlag.syn, 1, new Uint8Array(YAMUX_INITIAL_WINDOW)));
    expect(protocolError(() => b.receive(encodeYamuxHeader(yamuxType.data, 0, 1, YAMUX_INITIAL_WINDOW + 1)))).toContain("than any window allows");
  });

  it("ends the connection when a window grows past 32 bits", () => {
    const b = new YamuxSession({ role: "server", send: () => {}, accept: () => recorder() });
    b.receive(encodeYamuxHeader(yamuxType.windowUpdate, yamuxFlag.syn, 1, 0xffff_ffff - YAMUX_INITIAL_WINDOW));
    expect(protocolError(() => b.receive(encodeYamuxHeader(yamuxType.windowUpdate, 0, 1, 1)))).toContain("without bound");
  });
});

describe("YamuxStream.reset()", () => {
  it("ends both sides at once, and frames that cross it are dropped", () => {
    let served: YamuxStream | undefined;
    const heard = recorder();
    const { a, b, run } = pair({ accept: (stream) => { served = stream; return heard; } });
    const stream = a.open(recorder());
    stream.write(new Uint8Array([1]));
    run();
    served?.write(new Uint8Array([9]));
    stream.reset();
    stream.write(new Uint8Array([2]));
    run();
    expect([heard.bytes, heard.log]).toEqual([[1], ["reset"]]);
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
  });

  it("says nothing to the peer of a stream that it never heard of", () => {
    const { a, toServer } = pair();
    a.open(recorder()).reset();
    expect(toServer).toEqual([]);
    expect(a.openStreams).toBe(0);
  });
});

describe("YamuxSession.fail()", () => {
  it("ends every stream with its cause, once, and sends nothing more", () => {
    const { a, toServer } = pair();
    const log = recorder();
    const stream = a.open(log);
    a.fail("cable cut");
    a.fail("again");
    stream.write(new Uint8Array([1]));
    a.ping(1);
    expect(log.log).toEqual(["lost: cable cut"]);
    expect(toServer).toEqual([]);
  });
});

describe("YamuxSession.ping()", () => {
  it("is answered with its value", () => {
    const values: number[] = [];
    const { a, run } = pair({}, { pong: (value) => values.push(value) });
    a.ping(0xdead_beef);
    run();
    expect(values).toEqual([0xdead_beef]);
  });
});

describe("YamuxSession.receive()", () => {
  it.each([
    ["another version", new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["an unknown type", encodeYamuxHeader(4, 0, 1, 0)],
    ["unknown flags", encodeYamuxHeader(0, 16, 1, 0)],
    ["a stream frame for stream 0", encodeYamuxHeader(0, 1, 0, 0)],
    ["a stream that is not the peer's to open", encodeYamuxHeader(0, 1, 2, 0)],
    ["a frame for a stream that nobody opened", encodeYamuxHeader(1, 0, 7, 5)],
  ])("ends the connection on %s", (_name, bytes) => {
    const b = new YamuxSession({ role: "server", send: () => {}, accept: () => recorder() });
    protocolError(() => b.receive(bytes));
    expect(b.canOpen).toBe(false);
  });

  it("ends the connection when an open stream is opened again", () => {
    const b = new YamuxSession({ role: "server", send: () => {}, accept: () => recorder() });
    b.receive(encodeYamuxHeader(0, yamuxFlag.syn, 3, 0));
    protocolError(() => b.receive(encodeYamuxHeader(0, yamuxFlag.syn, 3, 0)));
  });

  it("takes the peer's streams in any order of their numbers", () => {
    const b = new YamuxSession({ role: "server", send: () => {}, accept: () => recorder() });
    for (const id of [5, 1, 3]) b.receive(encodeYamuxHeader(0, yamuxFlag.syn, id, 0));
    expect(b.openStreams).toBe(3);
  });

  it("gives the same bytes however they are cut", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (payloads, cuts) => {
      const { a, toServer } = pair();
      const stream = a.open(recorder());
      for (const payload of payloads) stream.write(payload);
      stream.end();
      const wire = toServer.flatMap((b) => [...b]);
      const heard = recorder();
      const b = new YamuxSession({ role: "server", send: () => {}, accept: () => heard });
      for (let at = 0, i = 0; at < wire.length; i++) {
        const n = cuts[i % cuts.length] as number;
        b.receive(Uint8Array.from(wire.slice(at, at + n)));
        at += n;
      }
      expect(heard.bytes).toEqual(payloads.flatMap((p) => [...p]));
      expect(heard.log).toEqual(["end"]);
    }), { seed, numRuns: 200 });
  });

  it("throws nothing but our error, whatever comes", () => {
    const byte = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 8) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) });
    fc.assert(fc.property(fc.array(byte, { maxLength: 400 }), (bytes) => {
      const b = new YamuxSession({ role: "server", send: () => {}, accept: () => recorder(), maxStreams: 3 });
      try {
        b.receive(Uint8Array.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(YamuxError);
      }
      expect(b.openStreams).toBeLessThanOrEqual(3);
    }), { seed, numRuns: 5_000 });
  });
});
