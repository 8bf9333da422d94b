import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { importsOf } from "../../scripts/checks/imports.mjs";
import { checkLayers, cyclesIn, forbidden } from "../../scripts/checks/layers.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What may stand in a file of each layer. The packages that are not named are refused. */
const ALLOWED = [
  ["src/core/backoff.ts", "src/core/errors.ts"],
  ["src/wire/frames.ts", "src/core/errors.ts"],
  ["src/carrier/fetch.ts", "src/wire/frames.ts"],
  ["src/carrier/http2/upstream.ts", "node:http2"],
  ["src/carrier/http2/upstream.ts", "src/carrier/types.ts"],
  ["src/umadb/client.ts", "src/carrier/invoke.ts"],
  ["src/umadb/client.ts", "gen/static/umadb/v1/umadb.ts"],
  ["src/connect/transport.ts", "gen/es/umadb/v1/umadb_pb.ts"],
  ["src/connect/transport.ts", "@connectrpc/connect"],
  ["src/live/live-feed.ts", "src/core/subscription.ts"],
  ["server/gateway/bridge.ts", "millrace/internal/wire/frames"],
  ["server/dashboard/main.ts", "millrace/umadb"],
  ["server/cli/main.ts", "server/gateway/index.ts"],
  ["test/spec/umadb.ts", "millrace/umadb"],
] as const;

const REFUSED = [
  ["src/core/backoff.ts", "src/wire/frames.ts"],
  ["src/core/backoff.ts", "node:crypto"],
  ["src/wire/frames.ts", "src/carrier/types.ts"],
  ["src/wire/frames.ts", "@bufbuild/protobuf"],
  ["src/core/bytes.ts", "@bufbuild/protobuf/wire"],
  ["src/carrier/fetch.ts", "src/carrier/http2/upstream.ts"],
  ["src/carrier/fetch.ts", "node:http"],
  ["src/carrier/fetch.ts", "src/umadb/client.ts"],
  ["src/umadb/client.ts", "src/connect/transport.ts"],
  ["src/umadb/client.ts", "gen/es/umadb/v1/umadb_pb.ts"],
  ["src/umadb/client.ts", "src/kubemq/client.ts"],
  ["src/umadb/client.ts", "src/umadb/index.ts"],
  ["src/connect/transport.ts", "@connectrpc/connect-web"],
  ["src/index.ts", "src/umadb/client.ts"],
  ["server/gateway/bridge.ts", "src/wire/frames.ts"],
  ["server/gateway/bridge.ts", "server/cli/main.ts"],
  ["server/dashboard/main.ts", "millrace/internal/wire/frames"],
  ["server/dashboard/main.ts", "node:fs"],
  ["test/spec/umadb.ts", "node:fs"],
  ["src/novelty/first.ts", "src/core/errors.ts"],
] as const;

describe("the layers", () => {
  it.each(ALLOWED)("let %s import %s", (file, target) => {
    expect(forbidden(file, target)).toBeUndefined();
  });

  it.each(REFUSED)("do not let %s import %s", (file, target) => {
    expect(forbidden(file, target)).toEqual(expect.any(String));
  });

  it("are kept by every file of the repository, without a cycle of value imports", () => {
    expect(checkLayers(root)).toEqual([]);
  });
});

describe("importsOf()", () => {
  it("sees declarations, re-exports, import() and types by import(), and tells types from values", () => {
    const source = [
      'import type { A } from "./type.js";',
      'import { type B } from "./inline-type.js";',
      'import { type C, d } from "./mixed.js";',
      'export * from "./all.js";',
      'export type { E } from "./type-export.js";',
      'export { f } from "./named.js";',
      'import "./effect.js";',
      'const g = import("./dynamic.js");',
      'let h: import("./type-query.js").H;',
    ].join("\n");
    expect(importsOf(source, "x.ts")).toEqual([
      { specifier: "./type.js", typeOnly: true, line: 1 },
      { specifier: "./inline-type.js", typeOnly: true, line: 2 },
      { specifier: "./mixed.js", typeOnly: false, line: 3 },
      { specifier: "./all.js", typeOnly: false, line: 4 },
      { specifier: "./type-export.js", typeOnly: true, line: 5 },
      { specifier: "./named.js", typeOnly: false, line: 6 },
      { specifier: "./effect.js", typeOnly: false, line: 7 },
      { specifier: "./dynamic.js", typeOnly: false, line: 8 },
      { specifier: "./type-query.js", typeOnly: true, line: 9 },
    ]);
  });
});

describe("cyclesIn()", () => {
  it("names the files of a cycle, once", () => {
    const graph = new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", ["a"]], ["d", []]]);
    expect(cyclesIn(graph)).toEqual([["a", "b", "c", "a"]]);
  });

  it("finds none where two ways lead to one file", () => {
    expect(cyclesIn(new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", []]]))).toEqual([]);
  });
});
