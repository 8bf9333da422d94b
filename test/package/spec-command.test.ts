import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { startUmaDb } from "../support/umadb.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** What the command ends with, and what it prints. */
async function spec(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; text: string }> {
  const { MILLRACE_TEST_UMADB_URL: _url, ...inherited } = process.env;
  return run(process.execPath, ["scripts/spec.mjs", ...args], { cwd: repository, env: { ...inherited, ...env } }).then(
    ({ stdout }) => ({ code: 0, text: stripVTControlCharacters(stdout) }),
    (failure: unknown) => {
      const { code, stdout, stderr } = failure as { code: number; stdout: string; stderr: string };
      return { code, text: stripVTControlCharacters(stdout + stderr) };
    },
  );
}

describe("npm run spec", () => {
  it("refuses a system that it does not know, and names those that it does", async () => {
    expect(await spec(["nobody"])).toMatchObject({ code: 2, text: expect.stringMatching(/npm run spec -- (\w+\|)*umadb/) });
  });

  it("refuses to guess on which server to run", async () => {
    expect(await spec(["umadb"])).toMatchObject({ code: 2, text: expect.stringContaining("MILLRACE_TEST_UMADB_URL") });
    expect(await spec(["umadb"], { MILLRACE_TEST_UMADB_URL: "nowhere" })).toMatchObject({ code: 2 });
  });

  it("runs the specification on the server that it is given, with its API key, and fails where there is none", async () => {
    const server = await startUmaDb({ apiKey: "a-secret" });
    const env = { MILLRACE_TEST_UMADB_URL: server.url, MILLRACE_TEST_UMADB_API_KEY: "a-secret" };
    const args = ["umadb", "-t", "tracking information"];
    expect(await spec(args, env)).toMatchObject({ code: 0, text: expect.stringMatching(/Tests +\d+ passed/) });
    await server.close();
    expect(await spec(args, env)).toMatchObject({ code: 1, text: expect.stringMatching(/Tests +\d+ failed/) });
  }, 120_000);
});
