import { afterEach, describe, expect, it } from "vitest";
import { encodeEnvelopes } from "millrace/internal/wire/frames";
import type { GatewayLog, Policy } from "millrace-server/gateway";
import { answer, startFakeServer, type FakeServer } from "../support/fake-grpc-server.js";
import { callOf, openTunnel } from "../tunnel/support.js";
import { callOnce, openCall, parseBody } from "./support/grpc-web.js";
import { serveGateway, type ServedGateway } from "./support/serve.js";

const methods = [
  { path: "/t.T/Unary", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  { path: "/t.T/Client", kind: "client", lane: "short", cancel: "delayed", repeatable: true },
] as const;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(policy: Policy, log?: GatewayLog): Promise<{ upstream: FakeServer; served: ServedGateway; url: string }> {
  const upstream = await startFakeServer(({ stream }) => answer(stream, new Uint8Array(0)));
  const served = await serveGateway({ upstreams: {}, extraUpstreams: { test: { url: upstream.url, methods } }, hosts: ["127.0.0.1"], policy, log });
  closing.push(() => served.close(), () => upstream.close());
  return { upstream, served, url: served.url };
}

/** What embedders' code does that was not meant. */
const broken: [string, (...args: Parameters<Policy>) => unknown][] = [
  ["throws", () => { throw new Error("canary"); }],
  ["rejects", () => Promise.reject(new Error("canary"))],
  ["answers nothing", () => undefined],
  ["answers with a promise of nothing", async () => undefined],
  ["answers `true`", () => true],
  ["refuses without a message", () => ({ allowed: false })],
  ["allows by a word", () => ({ allowed: "yes" })],
];

describe("gateway: a policy that fails", () => {
  it.each(broken)("refuses the call when it %s, says so in the log, and the gateway stays up", async (_what, policy) => {
    const said: object[] = [];
    let fails = true;
    const mostly: Policy = (request) => (fails ? policy(request) as ReturnType<Policy> : { allowed: true });
    const { url, upstream } = await open(mostly, { info: () => undefined, warn: (fields, text) => void said.push({ text, ...fields }) });
    const { trailers, body } = await callOnce(url, "/t.T/Unary", new Uint8Array(0));
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "7", "millrace-reason": "policy", "millrace-applied": "no" });
    expect(body.toString()).not.toContain("canary");
    expect(upstream.calls).toHaveLength(0);
    expect(said).toEqual([{ text: "The policy failed, so a call was refused", method: "/t.T/Unary", err: expect.any(Error) as Error }]);
    fails = false;
    expect((await callOnce(url, "/t.T/Unary", new Uint8Array(0))).trailers?.get("grpc-status")).toBe("0");
  });

  it("refuses a message that waited for the decision on another one", async () => {
    let asked = 0;
    const { url } = await open(() => {
      if (++asked > 1) throw new Error("the second");
      return Promise.resolve({ allowed: true });
    });
    const call = openCall(url, "/t.T/Client");
    call.end(encodeEnvelopes([new Uint8Array(1), new Uint8Array(1)]));
    expect(parseBody(await call.body).trailers?.get("grpc-status")).toBe("7");
    expect(asked).toBe(2);
  });

  it("refuses a call of a tunnel, whose other calls go on", async () => {
    let fails = true;
    const { url } = await open(() => {
      if (fails) throw new Error("canary");
      return { allowed: true };
    });
    const carrier = openTunnel(url);
    closing.unshift(() => carrier.close());
    const refused = await carrier.call(callOf("/t.T/Unary")).trailers;
    expect(refused.status).toBe(7);
    fails = false;
    const next = await carrier.call(callOf("/t.T/Unary")).trailers;
    expect(next.status).toBe(0);
  });
});
