import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { startFakeServer, grpcHeaders } from "../support/fake-grpc-server.js";
import { callOnce, openCall, parseBody, until } from "./support/grpc-web.js";

const MAIN = fileURLToPath(new URL("../../server/dist/cli/main.js", import.meta.url));
const LOG = new URL("../../server/dist/cli/log.js", import.meta.url).href;

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** The built command, as its users start it. */
function millrace(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Run {
  if (!existsSync(MAIN)) throw new Error("The command is not built: run `npm run build`");
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...environment } });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => {
    running.delete(child);
    resolve(code);
  }));
  return { child, exited, stdout: () => stdout, stderr: () => stderr };
}

async function ready(run: Run): Promise<string> {
  await until("it is ready", () => run.stdout().includes("\n"));
  return (JSON.parse(run.stdout()) as { url: string }).url;
}

describe("standardErrorLog", () => {
  it("holds nobody up while standard error is not read, and leaves out what it has no room for", async () => {
    const script = `import { standardErrorLog } from ${JSON.stringify(LOG)};
      const log = standardErrorLog("info");
      for (let n = 0; n < 2_000; n++) log.warn({ n }, "x".repeat(1_000));
      process.stdout.write(String(process.stderr.writableLength), () => process.exit(0));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    running.add(child);
    let waiting = "";
    child.stdout.on("data", (bytes: Buffer) => (waiting += bytes.toString()));
    expect((await once(child, "exit"))[0]).toBe(0);
    running.delete(child);
    expect(Number(waiting)).toBeGreaterThan(0);
    expect(Number(waiting)).toBeLessThanOrEqual(256 * 1_024);
  });
});

describe("millrace gateway", () => {
  it("prints one line when it serves, warns of --allow-all, drains on SIGTERM and exits with 0", async () => {
    const upstream = await startFakeServer(({ stream }) => stream.respond(grpcHeaders));
    const run = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", upstream.url, "--allow-all", "--json"]);
    const url = await ready(run);
    expect(run.stdout()).toBe(`${JSON.stringify({ ready: true, url })}\n`);
    expect(run.stderr()).toContain("ALLOW-ALL");
    const live = openCall(url, "/umadb.v1.DCB/Subscribe", { headers: { "millrace-heartbeat-ms": "15000" } });
    live.end(encodeEnvelope(new Uint8Array(0)));
    await live.response;
    await until("the call came", () => upstream.calls.length === 1);
    const started = performance.now();
    run.child.kill("SIGTERM");
    const { trailers } = parseBody(await live.body);
    expect(Object.fromEntries(trailers ?? [])).toMatchObject({ "grpc-status": "14", "millrace-reason": "drain" });
    expect(await run.exited).toBe(0);
    expect(performance.now() - started).toBeLessThan(5_000);
    await upstream.close();
  });

  it("serves and ends while nobody reads its log, whatever strangers ask for", async () => {
    const run = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", "http://127.0.0.1:1", "--allow-all", "--json"]);
    const url = await ready(run);
    run.child.stderr?.removeAllListeners("data");
    run.child.stderr?.pause();
    // More than a pipe holds, if each were a line.
    for (let n = 0; n < 100; n++) {
      const refused = Array.from({ length: 20 }, () => callOnce(url, "/", new Uint8Array(0), { headers: { host: "evil.example" } }));
      expect((await Promise.all(refused)).map(({ response }) => response.statusCode)).toEqual(Array(20).fill(403));
    }
    expect((await callOnce(url, "/health", new Uint8Array(0), { method: "GET" })).response.statusCode).toBe(200);
    run.child.kill("SIGTERM");
    const ended = once(run.child, "exit");
    expect((await ended)[0]).toBe(0);
    run.child.stderr?.resume();
    await run.exited;
  });

  it("is ended at once by a second signal, also of the other kind", async () => {
    const upstream = await startFakeServer(({ stream }) => stream.respond(grpcHeaders));
    const run = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", upstream.url, "--allow-all", "--json"]);
    const held = openCall(await ready(run), "/umadb.v1.DCB/Read");
    held.end(encodeEnvelope(new Uint8Array(0)));
    await until("the call came", () => upstream.calls.length === 1);
    const ended = once(run.child, "exit");
    run.child.kill("SIGTERM");
    await until("it drains", () => run.stderr().includes("drains"));
    const started = performance.now();
    run.child.kill("SIGINT");
    expect((await ended)[1]).toBe("SIGINT");
    expect(performance.now() - started).toBeLessThan(2_000);
    await upstream.close();
  });

  it("refuses every call without a policy", async () => {
    const run = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", "http://127.0.0.1:1", "--json"]);
    const { trailers } = await callOnce(await ready(run), "/umadb.v1.DCB/Head", new Uint8Array(0));
    expect(trailers?.get("grpc-status")).toBe("7");
    run.child.kill("SIGTERM");
    expect(await run.exited).toBe(0);
  });

  it.each([
    ["an unknown flag", ["gateway", "--bogus"], "--bogus"],
    ["--allow-all where others can connect", ["gateway", "--listen", "0.0.0.0:0", "--umadb", "http://127.0.0.1:1", "--allow-all"], "loopback"],
    ["a database that is no PostgreSQL", ["gateway", "--messagedb", "mysql://user:canary@host/db"], "--messagedb"],
    ["a store's address with a password", ["gateway", "--umadb", "http://user:canary@127.0.0.1:1"], "url"],
    ["a file of certificates that holds none", ["gateway", "--umadb", "https://127.0.0.1:1", "--upstream-ca", "package.json"], "ca"],
    ["no command", [], "gateway"],
  ])("exits with 2 for %s and says why", async (_what, args, text) => {
    const run = millrace(args);
    expect(await run.exited).toBe(2);
    expect(run.stderr()).toContain(text);
    expect(run.stderr()).not.toContain("canary");
    expect(run.stdout()).toBe("");
  });

  it("exits with 2 when its port is taken", async () => {
    const first = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", "http://127.0.0.1:1", "--json"]);
    const { host } = new URL(await ready(first));
    const second = millrace(["gateway", "--listen", host, "--umadb", "http://127.0.0.1:1"]);
    expect(await second.exited).toBe(2);
    expect(second.stderr()).toContain("EADDRINUSE");
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
  });

  it("never writes payloads, credentials or foreign addresses to its log, nor keys to an error", async () => {
    const canary = "c4n4ry";
    const upstream = await startFakeServer(({ session }) => session.destroy());
    const run = millrace(["gateway", "--listen", "127.0.0.1:0", "--umadb", upstream.url, "--allow-all", "--json"]);
    const url = await ready(run);
    const headers = { authorization: `Bearer ${canary}`, cookie: canary, "my-metadata": canary, "millrace-upstream-authorization": canary };
    const payload = new TextEncoder().encode(canary);
    for (const path of ["/umadb.v1.DCB/Head", "/umadb.v1.DCB/Append", "/umadb.v1.DCB/Subscribe", `/${canary}`]) {
      expect((await callOnce(url, path, payload, { headers })).body.toString("latin1")).not.toContain(canary);
    }
    const foreign = await callOnce(url, "/umadb.v1.DCB/Head", payload, { headers: { ...headers, origin: `https://${canary}.example` } });
    expect(foreign.response.statusCode).toBe(403);
    run.child.kill("SIGTERM");
    await run.exited;
    expect(run.stderr()).toContain("not admitted");
    expect(run.stderr() + run.stdout()).not.toContain(canary);
    await upstream.close();
  });
});
