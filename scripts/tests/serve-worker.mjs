// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { runtimeProgram } from "./needs.mjs";

/**
 * From August 2026 on workerd switches Node's modules on by itself; an older date without flags is the platform alone.
 * Whatever the worker asks for on this machine it may reach.
 *
 * @param {string} file
 * @param {readonly string[]} flags
 */
const configOf = (file, flags) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (modules = [(name = "${file}", esModule = embed "${file}")], compatibilityDate = "2026-04-01", compatibilityFlags = ${JSON.stringify(flags)}, globalOutbound = "network")),
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`;

/**
 * Serves one module in a bare workerd on a free port of 127.0.0.1.
 *
 * @param {string} root The repository.
 * @param {string} module Its path; the configuration is written beside it.
 * @param {readonly string[]} [flags] Compatibility flags, such as `nodejs_compat`; none for the platform alone.
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serveWorker(root, module, flags = []) {
  const config = join(dirname(module), "workerd.capnp");
  writeFileSync(config, configOf(basename(module), flags));
  const child = spawn(runtimeProgram(root, "workerd"), ["serve", config, "--control-fd=3"], { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  const tooEarly = exited.then(([code]) => {
    throw new Error(`workerd ended with ${code} before it served`);
  });
  tooEarly.catch(() => undefined);
  const control = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  const [line] = await Promise.race([once(createInterface({ input: control }), "line"), tooEarly]);
  return {
    url: `http://127.0.0.1:${JSON.parse(line).port}`,
    async close() {
      process.off("exit", kill);
      kill();
      await exited;
    },
  };
}
