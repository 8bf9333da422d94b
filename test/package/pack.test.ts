import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesOf } from "../../scripts/checks/files.mjs";
import { pack, type Packed } from "../support/packed.js";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

let packed: Packed;

beforeAll(async () => {
  packed = await pack();
}, 60_000);

afterAll(() => packed?.close());

/** The compiler's three outputs of each source file: what a user's program, compiler and debugger read. */
function outputsOf(sources: readonly string[], toOutput: (source: string) => string): string[] {
  return sources.map((source) => toOutput(source).replace(/\.ts$/, "")).flatMap((path) => [`${path}.d.ts`, `${path}.js`, `${path}.js.map`]);
}

describe("npm pack", () => {
  it("packs each source of src and gen as compiled, and beside that only what people read", () => {
    const sources = filesOf(root, (path) => /^(src|gen)\/.*\.ts$/.test(path));
    const expected = [...outputsOf(sources, (source) => `dist/${source}`), "CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "package.json"];
    expect(packed.millrace.files).toEqual(expected.sort());
  });

  it("publishes nothing of this repository's own set-up", () => {
    expect(Object.keys(packed.millrace.manifest).sort()).toMatchInlineSnapshot(`
      [
        "dependencies",
        "description",
        "engines",
        "exports",
        "files",
        "keywords",
        "license",
        "name",
        "peerDependencies",
        "peerDependenciesMeta",
        "sideEffects",
        "type",
        "version",
      ]
    `);
    expect(JSON.stringify(packed.millrace.manifest)).not.toMatch(/"(file|workspace|link):/);
  });

  it("needs @bufbuild/protobuf and nothing else; Connect and postgres.js are the user's to bring", () => {
    expect(packed.millrace.manifest).toMatchObject({
      dependencies: { "@bufbuild/protobuf": "^2.12.0" },
      peerDependencies: { "@connectrpc/connect": "^2.1.2", postgres: "^3.4.9" },
      peerDependenciesMeta: { "@connectrpc/connect": { optional: true }, postgres: { optional: true } },
      sideEffects: false,
    });
    expect(Object.keys(packed.millrace.manifest["dependencies"] as object)).toEqual(["@bufbuild/protobuf"]);
  });

  it("leaves package.json as it was", () => {
    expect(packed.manifestsKept).toBe(true);
  });
});

describe("npm pack -w server", () => {
  it("packs each source of the server as compiled, the built dashboard, and beside that only what people read", () => {
    const sources = filesOf(root, (path) => /^server\/(?!dashboard\/|dist\/).*\.ts$/.test(path) && !path.endsWith(".config.ts"));
    const expected = [...outputsOf(sources, (source) => source.replace("server/", "dist/")), "dist/embedded/messagedb/message-db.sql", "LICENSE", "NOTICE", "README.md", "package.json"];
    const dashboard = packed.server.files.filter((path) => path.startsWith("dist/dashboard/"));
    expect(packed.server.files).toEqual([...expected, ...dashboard].sort());
  });

  it("packs a dashboard of hashed files and no source maps", () => {
    const dashboard = packed.server.files.filter((path) => path.startsWith("dist/dashboard/")).map((path) => path.slice("dist/dashboard/".length));
    expect(dashboard).toContain("index.html");
    const assets = dashboard.filter((path) => path !== "index.html");
    expect(assets.filter((path) => !/-[\w-]{8}\.(js|css|svg|png|woff2)$/.test(path))).toEqual([]);
    expect(assets.some((path) => path.endsWith(".js"))).toBe(true);
  });

  it("depends on exactly this version of the client", () => {
    const { version } = packed.millrace.manifest;
    expect(packed.server.manifest).toMatchObject({ version, sideEffects: false, dependencies: { millrace: version } });
    expect(JSON.stringify(packed.server.manifest)).not.toMatch(/"(file|workspace|link):/);
    expect(packed.server.manifest).not.toHaveProperty("devDependencies");
    expect(packed.server.manifest).not.toHaveProperty("scripts");
  });
});
