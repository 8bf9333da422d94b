import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseGatewayFlags } from "../../server/cli/gateway-flags.js";
import { gatewaySettings, type GatewaySettings } from "../../server/cli/gateway-settings.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, text);
  return path;
}

function settings(yaml: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): GatewaySettings {
  return gatewaySettings(parseGatewayFlags(["--config", file(yaml), ...args]), environment);
}

const UMADB = "upstreams: { umadb: { url: 'http://127.0.0.1:50051' } }";

describe("millrace gateway: configuration", () => {
  it("reads every key of the file", () => {
    const ca = file("CA");
    const result = settings(`
      listen: "127.0.0.1:9000"
      tls: { cert: ${file("CERT")}, key: ${file("KEY")} }
      origins: [https://app.example]
      hosts: [gw.example]
      upstreams:
        umadb: { url: "https://store.example:50051", ca: ${ca}, apiKeyFile: ${file("key\n").split("/").pop()}, credentials: client }
      limits: { callsPerConnection: 5 }
    `);
    expect(result).toMatchObject({
      listen: { host: "127.0.0.1", port: 9_000 },
      tls: { cert: "CERT", key: "KEY" },
      options: {
        allowAll: false, origins: ["https://app.example"], hosts: ["gw.example"], limits: { callsPerConnection: 5 },
        upstreams: { umadb: { url: "https://store.example:50051", ca: "CA", credentials: "client" } },
      },
    });
  });

  it("takes paths from the file's own folder, and a key from a file without its line feed", () => {
    const name = file("key-in-file\n").split("/").pop();
    const { options } = settings(`upstreams: { umadb: { url: "https://s:1", apiKeyFile: ${name} } }`);
    expect(options.upstreams.umadb?.apiKey).toBe("key-in-file");
  });

  it("takes a key from the environment", () => {
    const yaml = "upstreams: { umadb: { url: 'https://s:1', apiKeyEnv: THE_KEY } }";
    expect(settings(yaml, [], { THE_KEY: "k" }).options.upstreams.umadb?.apiKey).toBe("k");
    expect(() => settings(yaml)).toThrow("THE_KEY is not set");
  });

  it("lets flags win, and adds origins", () => {
    const { listen, options } = settings(`listen: "127.0.0.1:1"\norigins: [https://a.example]\n${UMADB}`, ["--listen", "[::1]:2", "--umadb", "http://u:1", "--origin", "https://b.example", "--origin", "https://c.example"]);
    expect(listen).toEqual({ host: "::1", port: 2 });
    expect(options.upstreams.umadb?.url).toBe("http://u:1");
    expect(options.origins).toEqual(["https://a.example", "https://b.example", "https://c.example"]);
  });

  it("is reached by the address that it listens on", () => {
    for (const args of [[], ["--allow-all"]]) {
      expect(settings(`listen: "127.0.0.2:1"\n${UMADB}`, args).options.hosts).toContain("127.0.0.2");
      expect(settings(`listen: "[::1]:1"\n${UMADB}`, args).options.hosts).toContain("[::1]");
    }
    expect(settings(`listen: "gw.example:1"\n${UMADB}`).options.hosts).toEqual(["gw.example"]);
    expect(settings(`listen: "0.0.0.0:1"\nhosts: [gw.example]\n${UMADB}`).options.hosts).toEqual(["gw.example"]);
  });

  it.each([
    ["an unknown key", `orgins: []\n${UMADB}`, /orgins is not a key that exists here/],
    ["an unknown key of an upstream", "upstreams: { umadb: { url: 'http://u:1', apikey: x } }", /upstreams\.umadb\.apikey is not a key/],
    ["an unknown system", "upstreams: { umdb: { url: 'http://u:1' } }", /upstreams\.umdb is not a key/],
    ["an unknown limit", `limits: { calls: 1 }\n${UMADB}`, /limits\.calls is not a limit/],
    ["a limit of 0", `limits: { stallMs: 0 }\n${UMADB}`, /limits\.stallMs must be a whole number/],
    ["a wrong type", `origins: https://a.example\n${UMADB}`, /origins must be a list of strings/],
    ["an origin with a path", `origins: [https://a.example/x]\n${UMADB}`, /origins\[0\] must be an origin/],
    ["the origin null", `origins: ["null"]\n${UMADB}`, /origins\[0\] must be an origin/],
    ["a host with a scheme", `hosts: [https://a.example]\n${UMADB}`, /hosts\[0\] must be a host name/],
    ["no upstream", "origins: []", /no system to serve/],
    ["an upstream without url", "upstreams: { umadb: {} }", /upstreams\.umadb\.url is missing/],
    ["an upstream url without scheme", "upstreams: { umadb: { url: '127.0.0.1:50051' } }", /upstreams\.umadb\.url must be a URL/],
    ["a missing file", "upstreams: { umadb: { url: 'https://u:1', ca: nowhere.pem } }", /upstreams\.umadb\.ca: .*nowhere\.pem cannot be read \(ENOENT\)/],
    ["broken YAML", "origins: [", /:/],
    ["a wildcard address without hosts", `listen: "0.0.0.0:8080"\n${UMADB}`, /hosts is missing/],
    ["a listen address without port", `listen: localhost\n${UMADB}`, /listen must be HOST:PORT/],
    ["--allow-all on an address that others reach", `listen: "0.0.0.0:8080"\nallowAll: true\n${UMADB}`, /needs a loopback address/],
    ["a connection string that says what nobody knows", "upstreams: { eventstoredb: { url: 'esdb://e:1?tlz=false' } }", /upstreams\.eventstoredb\.url has a parameter that is not known/],
    ["an allowed node that is none", "upstreams: { eventstoredb: { url: 'esdb://e:1', allowedNodes: ['a/b'] } }", /upstreams\.eventstoredb\.allowedNodes\[0\] must be host or host:port/],
    ["allowed nodes of another system", "upstreams: { umadb: { url: 'http://u:1', allowedNodes: ['a'] } }", /allowedNodes is not a key/],
  ])("refuses %s", (_what, yaml, text) => {
    expect(() => settings(yaml)).toThrow(text);
  });

  it("refuses a key over plain HTTP unless told otherwise, and never shows it", () => {
    const plain = "upstreams: { umadb: { url: 'http://u:1', apiKeyEnv: THE_KEY } }";
    expect(() => settings(plain, [], { THE_KEY: "canary" })).toThrow(/allowInsecureApiKey/);
    expect(() => settings(plain, [], { THE_KEY: "canary" })).not.toThrow(/canary/);
    expect(settings("upstreams: { umadb: { url: 'http://u:1', apiKeyEnv: THE_KEY, allowInsecureApiKey: true } }", [], { THE_KEY: "k" }).options.upstreams.umadb?.apiKey).toBe("k");
  });

  it.each([["--bogus"], ["--listen"], ["positional"]])("refuses the arguments %s %s", (...args) => {
    expect(() => parseGatewayFlags(args.filter((each) => each !== undefined))).toThrow();
  });

  it.each(["esdb://127.0.0.1:2113?tls=false", "kurrentdb+discover://node.example", "esdb://user:canary@a,b", "http://127.0.0.1:2113"])("serves EventStoreDB by the connection string %s", (text) => {
    expect(settings("{}", ["--eventstoredb", text]).options.upstreams.eventstoredb?.url).toBe(text);
  });

  it.each(["esdb://user:canary@a/x", "esdb://canary:x@", "esdb://a:1?tlsCAFile=nowhere.pem", "postgres://a"])("refuses the connection string %s, and repeats nothing of it", (text) => {
    expect(() => settings("{}", ["--eventstoredb", text])).toThrow("upstreams.eventstoredb.url");
    expect(() => settings("{}", ["--eventstoredb", text])).not.toThrow("canary");
  });
});
