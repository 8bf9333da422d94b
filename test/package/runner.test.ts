import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { missingNeeds } from "../../scripts/tests/needs.mjs";
import { lackOf, PROJECTS } from "../../scripts/tests/projects.mjs";
import { runGroup } from "../../scripts/tests/process.mjs";
import { countsIn, lineOf, sum } from "../../scripts/tests/results.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-runner-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function report(content: object): Promise<string> {
  const file = join(folder, "report.json");
  await writeFile(file, JSON.stringify({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [], ...content }));
  return file;
}

describe("countsIn()", () => {
  it("counts tests as Vitest reported them, those left out and those to do together", async () => {
    const file = await report({ numPassedTests: 7, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3 });
    expect(countsIn(file, 1)).toEqual({ passed: 7, failed: 2, skipped: 4 });
  });

  it("counts a file that does not load as one failure", async () => {
    const file = await report({ numPassedTests: 7, testResults: [{ status: "failed", assertionResults: [] }, { status: "passed", assertionResults: [] }] });
    expect(countsIn(file, 1)).toEqual({ passed: 7, failed: 1, skipped: 0 });
  });

  it("does not count a file a second time whose tests failed", async () => {
    const file = await report({ numFailedTests: 1, testResults: [{ status: "failed", assertionResults: [{ status: "failed" }] }] });
    expect(countsIn(file, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("counts one failure when Vitest failed and no test did", async () => {
    expect(countsIn(await report({ numPassedTests: 7 }), 1)).toEqual({ passed: 7, failed: 1, skipped: 0 });
  });

  it("counts one failure when there is no report", () => {
    expect(countsIn(join(folder, "nothing.json"), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe("lineOf()", () => {
  it("says the sum in the words that are looked for", () => {
    const counts = sum([{ passed: 1, failed: 0, skipped: 2 }, { passed: 10, failed: 20, skipped: 30 }]);
    expect(lineOf(counts)).toBe("11 passed, 20 failed, 32 skipped");
  });
});

describe("missingNeeds()", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("names every test file that reaches a server which is not installed, also by way of other modules", () => {
    vi.stubEnv("MILLRACE_UMADB_BIN", join(folder, "nothing"));
    const files = missingNeeds(root).find(({ what }) => what === "a UmaDB server")?.files;
    expect(files).toEqual(expect.arrayContaining(["test/package/docs.test.ts", "test/spec/umadb.gateway.test.ts"]));
    expect(files).not.toContain("test/package/layers.test.ts");
  });

  it("names nothing that is there", () => {
    vi.stubEnv("MILLRACE_UMADB_BIN", process.execPath);
    vi.stubEnv("MILLRACE_CHROMIUM", process.execPath);
    vi.stubEnv("MILLRACE_FIREFOX", process.execPath);
    expect(missingNeeds(root)).toEqual([]);
  });
});

describe("lackOf()", () => {
  afterEach(() => vi.unstubAllEnvs());

  const lacking = (where: string): string[] => PROJECTS.filter((project) => lackOf(project, where).length > 0).map(({ name }) => name);

  it("names every runtime that is not installed, and never Node 20", () => {
    vi.stubEnv("MILLRACE_FIREFOX", join(folder, "nothing"));
    expect(lacking(root)).toEqual(["firefox"]);
    vi.stubEnv("MILLRACE_UMADB_BIN", join(folder, "nothing"));
    expect(lacking(root)).toEqual(["chromium", "firefox", "webkit", "node24", "deno", "bun", "workerd"]);
    vi.unstubAllEnvs();
    vi.stubEnv("MILLRACE_UMADB_BIN", process.execPath);
    expect(lacking(folder)).toEqual(["node24", "deno", "bun", "workerd"]);
  });
});

describe("runGroup()", () => {
  /** A zombie that nobody reaps is no process any more, though it can still be signalled. */
  const isAlive = (pid: number): boolean => /^[^Z]/.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim());
  const script = (body: string): string[] => ["-e", `const fs = require("node:fs"); const { spawn } = require("node:child_process"); ${body}`];

  it("answers the program's exit code", async () => {
    expect(await runGroup(process.execPath, script("process.exit(7)"), { cwd: folder, timeoutMs: 10_000 })).toEqual({ code: 7, overran: false });
  });

  it("ends the program and what it started when the time is over", async () => {
    const file = join(folder, "pid");
    const child = `spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]).pid`;
    const body = `fs.writeFileSync(${JSON.stringify(file)}, String(${child})); setInterval(() => {}, 1000);`;
    expect(await runGroup(process.execPath, script(body), { cwd: folder, timeoutMs: 1_000 })).toMatchObject({ overran: true });
    await vi.waitFor(async () => expect(isAlive(Number(await readFile(file, "utf8")))).toBe(false));
  });
});
