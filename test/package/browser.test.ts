import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installed, pack, type Packed } from "../support/packed.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** What a page may import. `millrace/carrier/http2` is Node's. */
const PAGES = ["millrace", "millrace/umadb", "millrace/eventstoredb", "millrace/messagedb", "millrace/carrier", "millrace/live", "millrace/connect"];

let packed: Packed;
let user: Installed;

beforeAll(async () => {
  packed = await pack();
  user = await install([packed.millrace.tarball]);
  await user.link("@connectrpc/connect");
}, 120_000);

afterAll(async () => {
  await user?.close();
  await packed?.close();
});

/** Checks the packages' declarations themselves too, with no globals but a browser's. */
async function typeCheck(source: string, lib: readonly string[]): Promise<string> {
  await writeFile(join(user.folder, "page.ts"), source);
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", module: "esnext", moduleResolution: "bundler", types: [], lib, skipLibCheck: false };
  await writeFile(join(user.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["page.ts"] }));
  return run(join(repository, "node_modules/.bin/tsc"), ["-p", user.folder], { cwd: user.folder }).then(
    () => "",
    (failure: unknown) => (failure as { stdout: string }).stdout,
  );
}

describe("in a page", () => {
  it.each(PAGES)("the declarations of %s need a browser's types only", async (name) => {
    expect(await typeCheck(`import * as all from ${JSON.stringify(name)};\nexport const one: object = all;\n`, ["es2022", "esnext.disposable", "dom", "dom.iterable"])).toBe("");
  });

  it("a type check against a browser's types goes red where Node's are used", async () => {
    expect(await typeCheck("export const bytes = Buffer.from([]);\n", ["es2022", "dom"])).toContain("Buffer");
  });

  it.each(PAGES)("%s is bundled for a browser without anything of Node", async (name) => {
    const result = await build({
      stdin: { contents: `import * as all from ${JSON.stringify(name)}; globalThis.all = all;`, resolveDir: user.folder },
      bundle: true,
      write: false,
      format: "esm",
      platform: "browser",
      metafile: true,
      logLevel: "silent",
    });
    expect(result.warnings).toEqual([]);
    expect(Object.keys(result.metafile.inputs).filter((path) => path.includes("http2"))).toEqual([]);
  });
});
