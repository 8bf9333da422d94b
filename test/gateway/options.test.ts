import { describe, expect, it } from "vitest";
import { createGateway, type GatewayOptions } from "millrace-server/gateway";

const url = "http://127.0.0.1:1";
const good: GatewayOptions = { upstreams: { umadb: { url } }, hosts: ["gw.example"] };
const method = { path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true } as const;

describe("createGateway()", () => {
  it("takes its options", async () => {
    for (const options of [good, { upstreams: {}, allowAll: true }, { ...good, upstreams: { umadb: undefined }, extraUpstreams: { own: { url, methods: [method] } } }]) {
      await createGateway(options).close();
    }
  });

  it.each<[string, unknown, RegExp]>([
    ["no options", undefined, /`options` must be an object, got undefined/],
    ["a misspelt option", { ...good, orgins: [] }, /`orgins` is no option, known are upstreams, origins/],
    ["no upstreams", { hosts: ["a"] }, /`upstreams` must be an object/],
    ["an unknown system", { ...good, upstreams: { umdb: { url } } }, /`upstreams\.umdb` is no option/],
    ["a system that is no object", { ...good, upstreams: { umadb: url } }, /`upstreams\.umadb` must be an object, got a string/],
    ["a misspelt setting of a system", { ...good, upstreams: { umadb: { url, apikey: "canary" } } }, /`upstreams\.umadb\.apikey` is no option/],
    ["a key that is no string", { ...good, upstreams: { umadb: { url: "https://a", apiKey: 7 } } }, /`upstreams\.umadb\.apiKey` must be printable/],
    ["a certificate authority that is no string", { ...good, upstreams: { umadb: { url, ca: new Uint8Array(1) } } }, /`upstreams\.umadb\.ca` must be a string/],
    ["a switch that is a word", { ...good, upstreams: { umadb: { url, apiKey: "canary", allowInsecureApiKey: "yes" } } }, /`upstreams\.umadb\.allowInsecureApiKey` must be a boolean/],
    ["one origin for a list", { ...good, origins: "https://a.example" }, /`origins` must be an array, got a string/],
    ["one host for a list", { ...good, hosts: "a.example" }, /`hosts` must be an array, got a string/],
    ["no hosts, so that nobody could be served", { upstreams: {} }, /`hosts` must name the hosts/],
    ["an empty list of hosts", { upstreams: {}, hosts: [] }, /`hosts` must name the hosts/],
    ["a policy that is no function", { ...good, policy: "x" }, /`policy` must be a function, got a string/],
    ["a policy beside allowAll", { ...good, allowAll: true, policy: () => ({ allowed: true }) }, /`policy` cannot stand beside allowAll/],
    ["a switch that is a word", { ...good, allowAll: "true" }, /`allowAll` must be a boolean, got a string/],
    ["limits that are no object", { ...good, limits: 5 }, /`limits` must be an object/],
    ["an unknown limit", { ...good, limits: { calls: 1 } }, /`limits\.calls` is not a limit/],
    ["pages that are no map", { ...good, pages: { "/": "x" } }, /`pages` must be a map/],
    ["a log that cannot warn", { ...good, log: { info: () => undefined } }, /`log` must have the functions/],
    ["an extra system by the name of a known one", { ...good, extraUpstreams: { umadb: { url, methods: [] } } }, /`extraUpstreams\.umadb` has the name of a system/],
    ["an extra system with a method of the table", { ...good, extraUpstreams: { own: { url, methods: [{ ...method, path: "/umadb.v1.DCB/Append" }] } } }, /`extraUpstreams\.own\.methods\[0\]\.path` is a method/],
    ["an extra system without methods", { ...good, extraUpstreams: { own: { url } } }, /`extraUpstreams\.own\.methods` must be an array/],
  ])("refuses %s and names it", (_what, options, text) => {
    const make = (): unknown => createGateway(options as GatewayOptions);
    expect(make).toThrow(text);
    expect(make).toThrow(expect.objectContaining({ code: "invalid_argument", applied: "no" }));
    expect(make).not.toThrow("canary");
  });
});
