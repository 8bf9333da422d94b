import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const FILES = ["package.json", "server/package.json", "package-lock.json", "scripts/version.mjs"];

let copy = "";

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "millrace-version-"));
  for (const file of FILES) await cp(join(repository, file), join(copy, file));
});

afterAll(() => rm(copy, { recursive: true, force: true }));

async function json(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(copy, file), "utf8")) as Record<string, unknown>;
}

const setVersion = (version: string): Promise<unknown> => run(process.execPath, ["scripts/version.mjs", version], { cwd: copy });

describe("npm run version:set", () => {
  it("gives both packages, the server's dependency and the lock file the version, and changes nothing else", async () => {
    const before = await Promise.all(FILES.slice(0, 3).map(json));
    await setVersion("7.8.9-rc.1");
    expect(await json("package.json")).toEqual({ ...before[0], version: "7.8.9-rc.1" });
    expect(await json("server/package.json")).toEqual({
      ...before[1],
      version: "7.8.9-rc.1",
      dependencies: { ...(before[1]?.["dependencies"] as object), millrace: "7.8.9-rc.1" },
    });
    expect(await json("package-lock.json")).toMatchObject({
      version: "7.8.9-rc.1",
      packages: { "": { version: "7.8.9-rc.1" }, server: { version: "7.8.9-rc.1", dependencies: { millrace: "7.8.9-rc.1" } } },
    });
  });

  it("refuses what is no version, and leaves the files as they are", async () => {
    const before = await json("package.json");
    await expect(setVersion("next")).rejects.toThrow(/Usage: npm run version:set -- VERSION/);
    expect(await json("package.json")).toEqual(before);
  });
});
