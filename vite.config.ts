import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { systemBrowser } from "./test/support/browser-provider.js";
import type { BrowserName } from "./test/support/browsers/launch.js";
import { closeStore, openStore } from "./test/support/page-stores.js";

const root = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests run on the sources: what the packages export by name is taken from `src` and `gen` instead of `dist`. */
const sources = [
  { find: /^millrace$/, replacement: root("src/index.ts") },
  { find: /^millrace\/internal\/gen\/(.*)$/, replacement: root("gen/$1.ts") },
  { find: /^millrace\/internal\/(.*)$/, replacement: root("src/$1.ts") },
  { find: /^millrace\/(umadb|eventstoredb|eventstoredb\/http2|kubemq|messagedb|messagedb\/direct|live|connect|carrier|carrier\/http2)$/, replacement: root("src/$1/index.ts") },
  { find: /^millrace-server\/(gateway|embedded)$/, replacement: root("server/$1/index.ts") },
  { find: /^millrace-server\/gateway\/edge$/, replacement: root("server/gateway/edge.ts") },
  { find: /^millrace-server\/embedded\/node$/, replacement: root("server/embedded/node.ts") },
];

/** Found before the first page opens: a dependency met later makes Vite reload the page under the running tests. */
const pageDependencies = [
  "@bufbuild/protobuf",
  "@bufbuild/protobuf/codegenv2",
  "@bufbuild/protobuf/wire",
  "@bufbuild/protobuf/wkt",
  "@connectrpc/connect",
  "@connectrpc/connect/protocol",
  "@connectrpc/connect-web",
];

/** What runs in every runtime, beside what is a runtime's own. */
const EVERYWHERE = "test/runtime/*.test.ts";
/** What needs Node's modules, which Deno and Bun have too. */
const LIKE_NODE = "test/runtime/native/*.test.ts";
/** What runs on servers that somebody else started: `npm run spec`. */
const ON_GIVEN_SERVERS = "test/spec/*.live.test.ts";
/** A machine that is busy with other tests starts a server in seconds. */
const PATIENCE = { testTimeout: 30_000, hookTimeout: 60_000 };
/** In short runs the other runtimes run what is marked. */
const specPart = process.env["MILLRACE_LONG"] === "1" ? "all" : "marked";

/** A project in a browser of this machine. */
function inBrowser(name: BrowserName, test: TestProjectInlineConfiguration["test"]): TestProjectInlineConfiguration {
  return {
    extends: true,
    optimizeDeps: { include: pageDependencies, exclude: ["@electric-sql/pglite"] },
    test: {
      name,
      sequence: { groupOrder: 1 },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: systemBrowser(name),
        commands: { openStore, closeStore },
        instances: [{ browser: name }],
      },
      ...test,
    },
  };
}

/** A project for Vitest started in another runtime than Node 20. No server starts there: `npm test` starts them and says where. */
function inRuntime(name: "node24" | "deno" | "bun"): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: { name, environment: "node", include: [EVERYWHERE, LIKE_NODE], ...PATIENCE, provide: { runtime: name, specPart, storesUrl: process.env["MILLRACE_STORES_URL"] ?? "" } },
  };
}

export default defineConfig({
  resolve: { alias: sources },
  test: {
    // Many tests measure how fast something is freed; two cores do not hold more than one such file at a time.
    maxWorkers: 1,
    projects: [
      {
        extends: true,
        test: { name: "node", environment: "node", include: ["test/!(browser|runtime)/**/*.test.ts"], exclude: [...configDefaults.exclude, ON_GIVEN_SERVERS], testTimeout: 15_000 },
      },
      {
        extends: true,
        test: { name: "spec", environment: "node", include: [ON_GIVEN_SERVERS], ...PATIENCE },
      },
      inBrowser("chromium", {
        include: ["test/browser/**/*.test.ts", EVERYWHERE],
        globalSetup: ["test/support/pages.setup.ts", "test/support/stores.setup.ts"],
        provide: { runtime: "chromium", specPart: "all" },
      }),
      ...(["firefox", "webkit"] as const).map((name) => inBrowser(name, {
        include: [EVERYWHERE],
        globalSetup: ["test/support/stores.setup.ts"],
        provide: { runtime: name, specPart },
        ...PATIENCE,
      })),
      ...(["node24", "deno", "bun"] as const).map(inRuntime),
    ],
  },
});
