import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";
import { eventOf } from "../shapes/batch.mjs";
import { batchesOf } from "../shapes/envelope.mjs";

const COMMAND = process.env.MILLRACE_UMADB_BIN ?? fileURLToPath(new URL("../../.cache/venv/bin/umadb", import.meta.url));
const PER_REQUEST = 2_000;

/** A real UmaDB on a free port. */
export async function startStore() {
  if (!existsSync(COMMAND)) throw new Error(`No UmaDB server at ${COMMAND}: run \`npm run setup:test\`, or set MILLRACE_UMADB_BIN`);
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const port = await freePort();
  const child = spawn(COMMAND, ["--listen", `127.0.0.1:${port}`, "--db-path", join(folder, "uma.db")], { stdio: "ignore" });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async stop() {
      process.off("exit", killWithUs);
      child.kill("SIGKILL");
      await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A real UmaDB that holds as many events as asked for, each like those of the shape `batch`. */
export async function startFilledStore(events) {
  const store = await startStore();
  const db = new UmaDb({ carrier: http2Carrier({ url: store.url }), retry: { attempts: 50, baseMs: 20, maxMs: 200 } });
  await db.head();
  for (const numbers of batchesOf(events, PER_REQUEST)) await db.append(numbers.map(newEvent));
  await db.close();
  return store;
}

function newEvent(n) {
  const { eventType: type, ...event } = eventOf(n);
  return { type, ...event };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
