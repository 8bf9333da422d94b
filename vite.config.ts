import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { systemBrowser } from "./test/support/browser-provider.js";
import { closeStore, openStore } from "./test/support/page-stores.js";

const root = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests run on the sources: what the packages export by name is taken from `src` and `gen` instead of `dist`. */
const sources = [
  { find: /^millrace$/, replacement: root("src/index.ts") },
  { find: /^millrace\/internal\/gen\/(.*)$/, replacement: root("gen/$1.ts") },
  { find: /^millrace\/internal\/(.*)$/, replacement: root("src/$1.ts") },
  { find: /^millrace\/(umadb|messagedb|messagedb\/direct|live|connect|carrier|carrier\/http2)$/, replacement: root("src/$1/index.ts") },
  { find: /^millrace-server\/(gateway|embedded)$/, replacement: root("server/$1/index.ts") },
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

export default defineConfig({
  resolve: { alias: sources },
  test: {
    // Many tests measure how fast something is freed; two cores do not hold more than one such file at a time.
    maxWorkers: 1,
    projects: [
      {
        extends: true,
        test: { name: "node", environment: "node", include: ["test/!(browser)/**/*.test.ts"] },
      },
      {
        extends: true,
        optimizeDeps: { include: pageDependencies },
        test: {
          name: "chromium",
          include: ["test/browser/**/*.test.ts"],
          globalSetup: ["test/support/pages.setup.ts"],
          sequence: { groupOrder: 1 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: systemBrowser(),
            commands: { openStore, closeStore },
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
