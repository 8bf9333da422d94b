import { describe, expect, it } from "vitest";
import { openConnection, type ConnectionOptions } from "millrace/internal/carrier/connection";
import { errorOfTrailers } from "millrace/internal/wire/status";
import { scriptedCarrier } from "../support/scripted-carrier.js";

const open = (options: unknown, optionNames?: string[]) =>
  openConnection("umadb", options as ConnectionOptions, { toError: (trailers) => errorOfTrailers(trailers, "umadb"), optionNames });
const url = "https://gw.example/x";

describe("openConnection()", () => {
  it("fills in every default", () => {
    expect(open({ url })).toMatchObject({
      system: "umadb", headers: undefined, timeoutMs: undefined, connectTimeoutMs: 10_000, maxMessageBytes: 16_777_216, retry: { attempts: 4, baseMs: 100, maxMs: 5_000 },
    });
  });

  it("keeps what is given, explicit `undefined` means not given, and `0` is a value", () => {
    expect(open({ url, timeoutMs: 0, connectTimeoutMs: 1, maxMessageBytes: 2, retry: { attempts: 2 } })).toMatchObject({
      timeoutMs: 0, connectTimeoutMs: 1, maxMessageBytes: 2, retry: { attempts: 2, baseMs: 100, maxMs: 5_000 },
    });
    expect(open({ url, carrier: undefined, retry: undefined, timeoutMs: undefined, headers: undefined })).toMatchObject({ timeoutMs: undefined, retry: { attempts: 4 } });
    expect(open({ url, retry: false }).retry).toBe(false);
  });

  it("uses a given carrier as it is, and does not close it", async () => {
    const carrier = scriptedCarrier(() => {});
    const connection = open({ carrier });
    expect(connection.carrier(() => scriptedCarrier(() => {}))).toBe(carrier);
    await connection.close();
    expect([carrier.closed(), connection.closed.reason]).toMatchObject([0, { code: "unavailable" }]);
  });

  it("takes option names that its system adds, and no others", () => {
    expect(open({ url, batchSize: 1 }, ["batchSize"]).system).toBe("umadb");
    expect(() => open({ url, batchSize: 1 })).toThrow("`batchSize` is no option, known are url, carrier");
  });

  const carrier = scriptedCarrier(() => {});
  it.each<[string, unknown, string]>([
    ["nothing", undefined, "`options` must be an object, got undefined"],
    ["a string", url, "`options` must be an object, got a string"],
    ["neither url nor carrier", {}, "Exactly one of `url` and `carrier` must be given"],
    ["both url and carrier", { url, carrier }, "Exactly one of `url` and `carrier` must be given"],
    ["a url that is none", { url: 1 }, "`url` must be an http or https URL, or relative to the page, got a number"],
    ["a carrier that is none", { carrier: { call: 1 } }, "`carrier` must be a carrier, with call() and close(), got an object"],
    ["fetch beside a carrier", { carrier, fetch }, "`fetch` must be given with `url` only"],
    ["a fetch that is none", { url, fetch: 1 }, "`fetch` must be a function, got a number"],
    ["a negative timeoutMs", { url, timeoutMs: -1 }, "`timeoutMs` must be an integer from 0 to 2147483647, got a negative number"],
    ["a timeoutMs above what timers take", { url, timeoutMs: 2 ** 31 }, "`timeoutMs` must be an integer"],
    ["no connectTimeoutMs", { url, connectTimeoutMs: 0 }, "`connectTimeoutMs` must be an integer from 1 to 2147483647, got a number"],
    ["a bigint", { url, maxMessageBytes: 1n }, "`maxMessageBytes` must be an integer from 1 to 4294967295, got a bigint"],
    ["retry true", { url, retry: true }, "`retry` must be an object, got a boolean"],
    ["an unknown retry option", { url, retry: { tries: 1 } }, "`retry.tries` is no option, known are attempts, baseMs, maxMs"],
    ["no attempts", { url, retry: { attempts: 0 } }, "`retry.attempts` must be an integer from 1"],
    ["a fractional pause", { url, retry: { baseMs: 0.5 } }, "`retry.baseMs` must be an integer from 0"],
    ["NaN as the longest pause", { url, retry: { maxMs: Number.NaN } }, "`retry.maxMs` must be an integer from 0 to 2147483647, got NaN"],
    ["null as connectTimeoutMs", { url, connectTimeoutMs: null }, "`connectTimeoutMs` must be an integer from 1 to 2147483647, got null"],
    ["null as maxMessageBytes", { url, maxMessageBytes: null }, "`maxMessageBytes` must be an integer from 1 to 4294967295, got null"],
    ["null as timeoutMs", { url, timeoutMs: null }, "`timeoutMs` must be an integer"],
    ["null as a pause", { url, retry: { baseMs: null } }, "`retry.baseMs` must be an integer from 0 to 2147483647, got null"],
    ["null as retry", { url, retry: null }, "`retry` must be an object, got null"],
    ["null as headers", { url, headers: null }, "`headers` must be Headers"],
    ["null as fetch", { url, fetch: null }, "`fetch` must be a function, got null"],
    ["headers that are none", { url, headers: 1 }, "`headers` must be Headers, an object of strings or an array of pairs, got a number"],
  ])("refuses %s", (_, options, message) => {
    expect(() => open(options)).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(message) as string }));
  });
});
