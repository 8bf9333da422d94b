// @ts-check
import { spawn } from "node:child_process";

/** @type {Set<number>} */
const groups = new Set();

/**
 * Runs a program in a process group of its own and ends the whole group when it overruns, when it leaves children
 * behind, or when we are ended ourselves.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, timeoutMs: number, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ code: number, overran: boolean }>} The code is 1 after a signal.
 */
export function runGroup(command, args, { cwd, timeoutMs, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "inherit", "inherit"], detached: true });
    const group = child.pid;
    if (group !== undefined) groups.add(group);
    let overran = false;
    const timer = setTimeout(() => {
      overran = true;
      endGroup(group);
    }, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      endGroup(group);
    };
    child.on("error", (error) => {
      settle();
      reject(error);
    });
    child.on("exit", (code) => {
      settle();
      resolve({ code: code ?? 1, overran });
    });
  });
}

/** @param {number | undefined} group */
function endGroup(group) {
  if (group === undefined || !groups.delete(group)) return;
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

/** Ends what is still running when this process is told to end. */
export function endGroupsOnSignal() {
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.once(signal, () => {
      for (const group of groups) endGroup(group);
      process.exit(130);
    });
  }
}
