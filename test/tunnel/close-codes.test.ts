import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { autoCarrier, tunnelCarrier } from "millrace/carrier";
import { HeaderBlockReader } from "millrace/internal/wire/header-block";
import { UmaDb } from "millrace/umadb";
import { callOf } from "./support.js";

/** A gateway that answers each tunnel's first message with a close code. */
let server: WebSocketServer;
let url: string;
/** The `authorization` of each tunnel's first message. */
let hellos: (string | undefined)[];
let code: number;

beforeEach(async () => {
  hellos = [];
  server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "millrace.v1" });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on("connection", (socket) => socket.once("message", (message: Buffer) => {
    const reader = new HeaderBlockReader();
    reader.push(message);
    hellos.push(new Map(reader.block?.headers).get("authorization"));
    socket.close(code);
  }));
});
afterEach(async () => {
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

const rejection = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => { throw new Error("It was resolved"); }, (error: unknown) => error);

describe("a tunnel that the gateway closes", () => {
  it.each([
    [4401, { code: "unauthenticated", applied: "no" }],
    [4403, { code: "permission_denied", applied: "no" }],
    [1012, { code: "unavailable", applied: "no", reason: "drain" }],
    [4408, { code: "unavailable", applied: "no" }],
    [1002, { code: "unavailable", applied: "no" }],
  ])("with %i ends its calls with what that means", async (closeCode, error) => {
    code = closeCode;
    const carrier = tunnelCarrier({ url, webSocket: WebSocket });
    expect(await rejection(carrier.call(callOf("/t.T/Unary")).trailers)).toMatchObject(error);
    await carrier.close();
  });

  it("with 4401 is opened again with refreshed headers, once a call", async () => {
    code = 4401;
    const headers = vi.fn(({ refresh }: { refresh: boolean }) => ({ authorization: refresh ? "Bearer new" : "Bearer old" }));
    const carrier = tunnelCarrier({ url, webSocket: WebSocket, headers });
    const db = new UmaDb({ carrier, headers: () => ({}) });
    expect(await rejection(db.head())).toMatchObject({ code: "unauthenticated" });
    expect([hellos, headers.mock.calls.map(([{ refresh }]) => refresh)]).toEqual([["Bearer old", "Bearer new"], [false, true]]);
    await db.close();
    await carrier.close();
  });

  it.each([[4401, "unauthenticated"], [4403, "permission_denied"]])("with %i is no reason to go by fetch", async (closeCode, errorCode) => {
    code = closeCode;
    const onFallback = vi.fn();
    const carrier = autoCarrier({ url, webSocket: WebSocket, onFallback });
    expect(await rejection(carrier.call(callOf("/t.T/Live", { kind: "server", lane: "live" })).headers)).toMatchObject({ code: errorCode });
    expect([hellos, onFallback.mock.calls]).toEqual([[undefined], []]);
    await carrier.close();
  });

  it("with 4401 ends a subscription for good, after its headers were refreshed once", async () => {
    code = 4401;
    const headers = vi.fn((_context: { refresh: boolean }) => ({}));
    const carrier = tunnelCarrier({ url, webSocket: WebSocket });
    const db = new UmaDb({ carrier, headers });
    const subscription = db.subscribe();
    expect(await rejection(subscription.opened)).toMatchObject({ code: "unauthenticated" });
    expect([subscription.state.kind, headers.mock.calls.map(([{ refresh }]) => refresh)]).toEqual(["closed", [false, true]]);
    await db.close();
    await carrier.close();
  });
});
