import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../gateway/support/grpc-web.js";
import { Http1Phases } from "../support/fault-proxy-http1.js";
import { Http2Phases } from "../support/fault-proxy-http2.js";
import type { PhaseWatch } from "../support/fault-proxy-phases.js";
import { encodeFrame, frameFlag, frameType, PREFACE } from "../support/h2-frames.js";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.js";
import type { Blow } from "../support/fault-proxy-connection.js";
import type { Direction } from "../support/fault.js";

const message = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3]);

/** The phases that a conversation goes through, byte by byte. */
function phasesOf(watch: PhaseWatch, conversation: readonly [Direction, Buffer][]): string[] {
  const phases: string[] = [watch.phase];
  for (const [direction, bytes] of conversation) {
    for (const byte of bytes) {
      watch.push(direction, Buffer.of(byte));
      if (phases.at(-1) !== watch.phase) phases.push(watch.phase);
    }
  }
  return phases;
}

describe("Phases", () => {
  it("of HTTP/1.1 follow the request, the response's head, each chunk, and the next request", () => {
    const ask = Buffer.from("POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
    const head = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = Buffer.concat([Buffer.from("8\r\n"), message, Buffer.from("\r\n")]);
    expect(phasesOf(new Http1Phases(), [
      ["to-server", ask], ["to-client", head], ["to-client", chunk], ["to-client", Buffer.from("0\r\n\r\n")], ["to-server", ask],
    ])).toEqual(["connecting", "request", "awaiting", "idle", "mid-frame", "idle", "quiet", "request", "awaiting"]);
  });

  it("of HTTP/2 follow the frames", () => {
    const headers = encodeFrame(frameType.headers, frameFlag.endHeaders, 1, Buffer.of(0x83));
    const answer = encodeFrame(frameType.headers, frameFlag.endHeaders, 1, Buffer.of(0x88));
    expect(phasesOf(new Http2Phases(), [
      ["to-server", PREFACE], ["to-client", encodeFrame(frameType.settings, 0, 0)], ["to-server", headers],
      ["to-server", encodeFrame(frameType.data, frameFlag.endStream, 1, message)], ["to-client", answer],
      ["to-client", encodeFrame(frameType.data, 0, 1, message)], ["to-client", encodeFrame(frameType.data, frameFlag.endStream, 1, message)],
    ])).toEqual(["connecting", "quiet", "request", "awaiting", "idle", "mid-frame", "idle", "mid-frame", "quiet"]);
  });
});

describe("FaultProxy", () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => { for (const each of open.splice(0).reverse()) await each.close(); });

  /** A server whose response is one message and stays open, and what a client sees of it through a proxy. */
  async function behindProxy(): Promise<{ proxy: FaultProxy; got: Buffer[]; ended: () => string | undefined; more: () => void }> {
    let more = (): void => undefined;
    const server: Server = createServer((incoming, response) => {
      incoming.resume();
      response.write(message);
      more = () => void response.write(message);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push({ close: () => { server.closeAllConnections(); server.close(); } });
    const proxy = await startFaultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "http1");
    open.push(proxy);
    const got: Buffer[] = [];
    let ended: string | undefined;
    const asked = request(proxy.url, { method: "POST", agent: false }, (response) => {
      response.on("data", (bytes: Buffer) => got.push(bytes));
      response.on("error", (error: NodeJS.ErrnoException) => { ended = error.code; });
    });
    asked.on("error", (error: NodeJS.ErrnoException) => { ended ??= error.code; });
    asked.end("ask");
    await until("the message is there", () => Buffer.concat(got).equals(message));
    return { proxy, got, ended: () => ended, more: () => more() };
  }

  it.each<Blow>(["reset", "fin", "client-fin", "server-fin"])("ends an idle connection by %s, which the client sees", async (how) => {
    const { proxy, ended } = await behindProxy();
    proxy.arm({ where: "idle", how, luck: 0, ms: 0 });
    await until("the client sees it", () => ended() !== undefined);
    expect(proxy.struck.map(({ phase }) => phase)).toEqual(["idle"]);
    await until("nothing is left", () => proxy.open === 0);
  });

  it("ends a connection in the middle of a message", async () => {
    const { proxy, got, ended, more } = await behindProxy();
    proxy.arm({ where: "mid-frame", how: "fin", luck: 0.4, ms: 0 });
    more();
    await until("the client sees it", () => ended() !== undefined);
    expect(proxy.struck.map(({ phase }) => phase)).toEqual(["mid-frame"]);
    expect(Buffer.concat(got).length).toBeLessThan(2 * message.length);
  });

  it("says nothing of silence, and lets nothing through", async () => {
    const { proxy, got, ended, more } = await behindProxy();
    proxy.arm({ where: "idle", how: "silence", luck: 0, ms: 0 });
    more();
    const other = await behindProxy();
    expect([ended(), got.length, other.got.length]).toEqual([undefined, 1, 1]);
  });

  it.each<Blow>(["stall", "delay", "hold"])("loses nothing by a %s, and keeps the order", async (how) => {
    const { proxy, got, ended, more } = await behindProxy();
    proxy.arm({ where: "mid-frame", how, luck: 0.5, ms: 5 });
    for (let i = 0; i < 50; i++) more();
    await until("all is there", () => Buffer.concat(got).length === 51 * message.length);
    expect(Buffer.concat(got)).toEqual(Buffer.concat(Array.from({ length: 51 }, () => message)));
    expect([proxy.struck.length, ended()]).toEqual([1, undefined]);
  });
});
