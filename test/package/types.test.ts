import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installed, pack, type Packed } from "../support/packed.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(repository, "test/package/types");
/** `@ts-expect-error` fails where the compiler finds nothing wrong. */
const MARK = /^ *\/\/ @ts-expect-error .+\n/gm;

const files = (await readdir(folder)).filter((file) => file.endsWith(".ts"));
let packed: Packed;
let user: Installed;

beforeAll(async () => {
  packed = await pack();
  user = await install([packed.millrace.tarball]);
}, 120_000);

afterAll(async () => {
  await user?.close();
  await packed?.close();
});

/** What a strict compiler complains about in each file, after `change`; it knows no globals but a browser's. */
async function complaints(change: (source: string) => string): Promise<Record<string, string[]>> {
  for (const file of files) await writeFile(join(user.folder, file), change(await readFile(join(folder, file), "utf8")));
  const lib = ["es2022", "esnext.disposable", "dom", "dom.iterable"];
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, target: "es2022", module: "nodenext", lib, types: [] };
  await writeFile(join(user.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const output = await run(join(repository, "node_modules/.bin/tsc"), ["-p", user.folder, "--pretty", "false"], { cwd: user.folder }).then(
    () => "",
    (failure: unknown) => (failure as { stdout: string }).stdout,
  );
  const lines = output.split("\n").filter((line) => /^\S/.test(line));
  return Object.fromEntries(files.map((file) => [file, lines.filter((line) => line.startsWith(`${file}(`))]));
}

describe("the types of the packed millrace", () => {
  it("accept and refuse what is written down", async () => {
    expect(await complaints((source) => source)).toEqual(Object.fromEntries(files.map((file) => [file, []])));
  }, 20_000);

  it("are what refuses it: without the marks there is a complaint for each", async () => {
    const marks = await Promise.all(files.map(async (file) => [file, (await readFile(join(folder, file), "utf8")).match(MARK)?.length ?? 0] as const));
    expect(Math.min(...marks.map(([, count]) => count))).toBeGreaterThan(0);
    const found = await complaints((source) => source.replace(MARK, ""));
    expect(Object.entries(found).map(([file, lines]) => [file, lines.length])).toEqual(marks);
  }, 20_000);
});
