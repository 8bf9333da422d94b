import { describe, expect, inject, it } from "vitest";
import type { RuntimeName } from "./given.js";

/** How each runtime names itself. */
const USER_AGENTS: Readonly<Record<RuntimeName, RegExp>> = {
  chromium: /Chrom(e|ium)\//,
  firefox: /Firefox\//,
  webkit: /^(?!.*Chrom).*AppleWebKit\//,
  node24: /^Node\.js\/24$/,
  deno: /^Deno\//,
  bun: /^Bun\//,
  workerd: /^Cloudflare-Workers$/,
};

/** Those that have nothing of Node, not even by name. */
const WITHOUT_NODE: readonly RuntimeName[] = ["chromium", "firefox", "webkit", "workerd"];

describe("the runtime of these tests", () => {
  it("is the one that was asked for", () => {
    expect(navigator.userAgent).toMatch(USER_AGENTS[inject("runtime")]);
  });

  it("lends nothing of Node to those that have nothing of it", () => {
    if (!WITHOUT_NODE.includes(inject("runtime"))) return;
    expect(typeof Reflect.get(globalThis, "Buffer")).toBe("undefined");
    expect(Reflect.get(globalThis, "process")?.versions?.node).toBeUndefined();
  });
});
