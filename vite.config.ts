import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests run on the sources: what the packages export by name is taken from `src` and `gen` instead of `dist`. */
const sources = [
  { find: /^millrace$/, replacement: root("src/index.ts") },
  { find: /^millrace\/internal\/gen\/(.*)$/, replacement: root("gen/$1.ts") },
  { find: /^millrace\/internal\/(.*)$/, replacement: root("src/$1.ts") },
  { find: /^millrace\/(umadb|connect|carrier|carrier\/http2)$/, replacement: root("src/$1/index.ts") },
  { find: /^millrace-server\/(gateway)$/, replacement: root("server/$1/index.ts") },
];

export default defineConfig({
  resolve: { alias: sources },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "node", environment: "node", include: ["test/**/*.test.ts"], exclude: ["test/browser/**"] },
      },
    ],
  },
});
