import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pack, type Packed } from "../support/packed.js";

const run = promisify(execFile);
const bin = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));
const PACKAGES = ["millrace", "server"] as const;

let packed: Packed;
let folder = "";

beforeAll(async () => {
  packed = await pack();
  folder = await mkdtemp(join(tmpdir(), "millrace-publishing-"));
}, 60_000);

afterAll(async () => {
  await packed?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Whether a tool is content with a tarball, and what it says. */
async function says(tool: string, args: readonly string[]): Promise<{ content: boolean; text: string }> {
  return run(join(bin, tool), args, { env: { ...process.env, NO_COLOR: "1" } }).then(
    ({ stdout }) => ({ content: true, text: stdout }),
    (failure: unknown) => ({ content: false, text: (failure as { stdout: string }).stdout }),
  );
}

const publint = (tarball: string): ReturnType<typeof says> => says("publint", [tarball, "--strict"]);
const attw = (tarball: string): ReturnType<typeof says> => says("attw", [tarball, "--profile", "esm-only", "--no-emoji"]);

/** The same tarball with another place for the declarations of its main entry. */
async function withoutDeclarations(tarball: string): Promise<string> {
  await run("tar", ["-xzf", tarball, "-C", folder]);
  const file = join(folder, "package/package.json");
  const manifest = JSON.parse(await readFile(file, "utf8")) as { exports: { ".": { types: string } } };
  manifest.exports["."].types = "./dist/nothing.d.ts";
  await writeFile(file, JSON.stringify(manifest));
  const broken = join(folder, "broken.tgz");
  await run("tar", ["-czf", broken, "-C", folder, "package"]);
  return broken;
}

describe("what is published", () => {
  it.each(PACKAGES)("has nothing that publint objects to: %s", async (name) => {
    expect(await publint(packed[name].tarball)).toMatchObject({ content: true });
  });

  it.each(PACKAGES)("has types that fit its code wherever modules of its kind are resolved: %s", async (name) => {
    const { content, text } = await attw(packed[name].tarball);
    expect(content, text).toBe(true);
  }, 30_000);

  it("would not pass without the declarations that it names", async () => {
    const broken = await withoutDeclarations(packed.millrace.tarball);
    expect(await publint(broken)).toMatchObject({ content: false, text: expect.stringContaining("nothing.d.ts") });
    expect((await attw(broken)).content).toBe(false);
  }, 30_000);
});
