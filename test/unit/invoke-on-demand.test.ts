import { describe, expect, it } from "vitest";
import { openConnection } from "millrace/internal/carrier/connection";
import { invokeUnary, openStream } from "millrace/internal/carrier/invoke";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { umadbMethods } from "millrace/internal/wire/methods";
import { scriptedCarrier } from "../support/scripted-carrier.js";

const REQUEST = Uint8Array.of(1);

function connect() {
  const carrier = scriptedCarrier((call) => {
    call.headers({ "x-try": "1" });
    call.chunk(Uint8Array.of(7));
    call.status(0);
  });
  return { carrier, connection: openConnection("umadb", { carrier }, { toError: (trailers) => errorOfTrailers(trailers, "umadb") }) };
}

describe("openStream(), whose code is loaded with the first call,", () => {
  it("gives headers, chunks and the end of the call", async () => {
    const { connection } = connect();
    const stream = openStream(connection, umadbMethods.read, REQUEST);
    expect((await stream.headers).get("x-try")).toBe("1");
    expect([...((await stream.next()).value ?? [])]).toEqual([0, 0, 0, 0, 1, 7]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it("refuses wrong options at once", () => {
    const { carrier, connection } = connect();
    expect(() => openStream(connection, umadbMethods.read, REQUEST, { timeoutMs: -1 })).toThrow("`options.timeoutMs` must be an integer from 0");
    expect(carrier.calls).toHaveLength(0);
  });

  it("sends nothing when it is left before that, and tells a pending next() that there is no more", async () => {
    const { carrier, connection } = connect();
    const stream = openStream(connection, umadbMethods.read, REQUEST);
    const pending = stream.next();
    await stream.return();
    expect(await pending).toEqual({ done: true, value: undefined });
    await expect(stream.headers).rejects.toMatchObject({ code: "unavailable" });
    expect(carrier.calls).toHaveLength(0);
  });

  it("sends nothing when it is aborted before that, and rejects with exactly the caller's reason", async () => {
    const { carrier, connection } = connect();
    const controller = new AbortController();
    const { signal } = controller;
    const stream = openStream(connection, umadbMethods.read, REQUEST, { signal });
    const answer = invokeUnary(connection, umadbMethods.head, REQUEST, { signal });
    controller.abort("enough");
    await expect(stream.next()).rejects.toBe("enough");
    await expect(answer).rejects.toBe("enough");
    expect(carrier.calls).toHaveLength(0);
  });
});

describe("a connection by url", () => {
  it("makes its carrier with the first call, once for all its copies, and closes it", async () => {
    const made = scriptedCarrier(() => {});
    let count = 0;
    const make = (): typeof made => {
      count++;
      return made;
    };
    const connection = openConnection("umadb", { url: "https://gw.example" }, { toError: (trailers) => errorOfTrailers(trailers, "umadb") });
    const copy = { ...connection };
    expect([copy.carrier(make), connection.carrier(make), count]).toEqual([made, made, 1]);
    await connection.close();
    expect(made.closed()).toBe(1);
  });
});
