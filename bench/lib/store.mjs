import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { http2Carrier } from "millrace/carrier/http2";
import { UmaDb } from "millrace/umadb";

const COMMAND = process.env.MILLRACE_UMADB_BIN ?? fileURLToPath(new URL("../../.cache/venv/bin/umadb", import.meta.url));
const PER_REQUEST = 2_000;

/** The events of the read rows: about 300 bytes each on the wire, incompressible data. */
export const EVENTS = 200_000;

/** A real UmaDB on a free port, holding {@link EVENTS} events. */
export async function startFilledStore() {
  if (!existsSync(COMMAND)) throw new Error(`No UmaDB server at ${COMMAND}: run \`npm run setup:test\`, or set MILLRACE_UMADB_BIN`);
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const port = await freePort();
  const child = spawn(COMMAND, ["--listen", `127.0.0.1:${port}`, "--db-path", join(folder, "uma.db")], { stdio: "ignore" });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const url = `http://127.0.0.1:${port}`;
  await fill(url);
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

async function fill(url) {
  const db = new UmaDb({ carrier: http2Carrier({ url }), retry: { attempts: 50, baseMs: 20, maxMs: 200 } });
  await db.head();
  for (let from = 0; from < EVENTS; from += PER_REQUEST) {
    await db.append(Array.from({ length: PER_REQUEST }, (_, n) => eventOf(from + n)));
  }
  await db.close();
}

function eventOf(n) {
  return { type: `Measured${n % 9}`, tags: [`device-${n % 1_000}`, `site-${n % 17}`], data: randomBytes(150 + (n % 101)), uuid: randomUUID() };
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
