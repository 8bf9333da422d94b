import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseConnectionString } from "millrace/internal/eventstoredb/connection-string";
import { isMillraceError } from "millrace/internal/core/errors";

const DEFAULTS = {
  hosts: [{ host: "a", port: 2113 }], discover: false, credentials: undefined, tls: true, tlsCaFile: undefined, connectionName: undefined,
  nodePreference: "leader", maxDiscoverAttempts: 10, discoveryIntervalMs: 100, gossipTimeoutMs: 5_000, defaultDeadlineMs: undefined,
};

describe("parseConnectionString()", () => {
  it("completes a string that names one host with the defaults", () => {
    expect(parseConnectionString("esdb://a")).toEqual(DEFAULTS);
  });

  it.each(["esdb", "kurrentdb", "kurrent", "kdb", "ESDB"])("knows the scheme %s, and with +discover", (scheme) => {
    expect(parseConnectionString(`${scheme}://a/`)).toEqual(DEFAULTS);
    expect(parseConnectionString(`${scheme}+discover://a`)).toEqual({ ...DEFAULTS, discover: true });
  });

  it("takes several hosts for seeds of gossip", () => {
    expect(parseConnectionString("esdb://A:1,[::1]:2,10.0.0.1")).toMatchObject({
      discover: true, hosts: [{ host: "a", port: 1 }, { host: "[::1]", port: 2 }, { host: "10.0.0.1", port: 2113 }],
    });
  });

  it("decodes user and password, which may hold colons", () => {
    expect(parseConnectionString("esdb://us%40er:p%2Fa:ss@a").credentials).toEqual({ user: "us@er", password: "p/a:ss" });
    expect(parseConnectionString("esdb://user@a").credentials).toEqual({ user: "user", password: "" });
  });

  it("reads every parameter, whatever its case, with _ and - in it", () => {
    const text = "esdb://a?TLS=False&tls-ca-file=%2Fca.pem&connection_name=me&NodePreference=readonlyreplica&maxDiscoverAttempts=3&discovery_interval=7&gossipTimeout=2&defaultDeadline=900&tlsVerifyCert=true&keepAliveInterval=-1&keepAliveTimeout=10&throwOnAppendFailure=false";
    expect(parseConnectionString(text)).toEqual({
      ...DEFAULTS, tls: false, tlsCaFile: "/ca.pem", connectionName: "me", nodePreference: "readOnlyReplica",
      maxDiscoverAttempts: 3, discoveryIntervalMs: 7, gossipTimeoutMs: 2_000, defaultDeadlineMs: 900,
    });
  });

  it.each([
    "", "a", "http://a", "esdb:/a", "esdb://", "esdb://@a", "esdb://:p@a", "esdb://u:p@b@a", "esdb://a:0", "esdb://a:65536", "esdb://a:x", "esdb://a,", "esdb://a,,b",
    "esdb://a/path", "esdb://a#x", "esdb://a?tls", "esdb://a?tls=", "esdb://a?=true", "esdb://a?tls=maybe", "esdb://a?tls=true&TLS=false", "esdb://a?tlz=true",
    "esdb://a?nodePreference=nearest", "esdb://a?maxDiscoverAttempts=0", "esdb://a?gossipTimeout=-1", "esdb://a?defaultDeadline=1.5",
    "esdb://a?tlsVerifyCert=false", "esdb://a?userCertFile=x&userKeyFile=y", "esdb://%zz@a", "esdb://a b", "esdb+discovery://a", "esdb://[::1", "esdb://a?connectionName=%0a",
  ])("refuses %j", (text) => {
    expect(() => parseConnectionString(text)).toThrow(expect.objectContaining({ code: "invalid_argument", system: "eventstoredb", applied: "no" }));
  });

  it("finds again what was written, whatever the user and the password are", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\p{Surrogate}/u.test(text));
    const host = fc.tuple(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/), fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => ({ host: name, port }));
    fc.assert(fc.property(part.filter((user) => !user.includes(":")), part, fc.array(host, { minLength: 1, maxLength: 4 }), fc.boolean(), fc.boolean(), (user, password, hosts, discover, tls) => {
      const text = `esdb${discover ? "+discover" : ""}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${hosts.map((each) => `${each.host}:${each.port}`).join(",")}?tls=${tls}`;
      expect(parseConnectionString(text)).toEqual({ ...DEFAULTS, hosts, credentials: { user, password }, tls, discover: discover || hosts.length > 1 });
    }));
  });

  it("reads or refuses whatever it is given, and repeats nothing of it", () => {
    const mixed = fc.array(fc.constantFrom("esdb", "kdb", "+discover", "://", "u", ":", "SECRET", "@", "host", ",", ":2113", "/", "?", "tls", "=", "true", "&", "%", "[::1]", "#", "é"), { maxLength: 16 }).map((parts) => parts.join(""));
    fc.assert(fc.property(fc.oneof(mixed, fc.string()), (text) => {
      try {
        expect(parseConnectionString(text).hosts.length).toBeGreaterThan(0);
      } catch (error) {
        expect(isMillraceError(error, "invalid_argument")).toBe(true);
        expect((error as Error).message).not.toContain("SECRET");
      }
    }), { numRuns: 2_000 });
  });
});
