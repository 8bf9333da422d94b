import { MillraceError } from "millrace/internal/core/errors";
import { nodeModules } from "./platform.js";

/** Folders that this process has open. A process of the same number may have left its lock behind. */
const held = new Set<string>();

/**
 * Takes a folder for this process, since PGlite itself would let two open one, which then part ways silently. A lock
 * whose process is gone is taken over.
 *
 * @param file The lock: its text is the number of the process.
 * @returns Gives it back.
 * @throws {MillraceError} `unavailable` when another server has it.
 */
export async function lockFolder(file: string): Promise<() => Promise<void>> {
  const node = nodeModules();
  if (node === undefined) throw new MillraceError("unsupported", "There are no files here", { system: "messagedb" });
  const { fs, path, process } = node;
  const name = path.resolve(file);
  for (let attempt = 0; ; attempt++) {
    if (held.has(name)) throw taken(name, process.pid);
    try {
      await fs.writeFile(name, String(process.pid), { flag: "wx" });
      held.add(name);
      return async () => {
        held.delete(name);
        await fs.rm(name, { force: true });
      };
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST" || attempt > 10) throw error;
      const owner = Number(await fs.readFile(name, "utf8").catch(() => ""));
      if (owner !== process.pid && isRunning(process, owner)) throw taken(name, owner);
      await fs.rm(name, { force: true });
    }
  }
}

function isRunning(process: NodeJS.Process, pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}

function taken(name: string, pid: number): MillraceError {
  return new MillraceError("unavailable", `Process ${pid} has this Message DB open; if it is no such server, remove ${name}`, { system: "messagedb" });
}
