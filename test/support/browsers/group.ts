import { spawn, type StdioOptions } from "node:child_process";
import type { Readable } from "node:stream";

/** A program and everything that it starts, which end together. */
export interface Group {
  hasEnded(): boolean;
  /** What it printed so far. */
  output(): string;
  /** What it wrote to descriptor 3. */
  readonly extra: Readable | null;
  /** Kills the whole group and waits for the program's end. */
  end(): Promise<void>;
}

/**
 * Starts a program as the leader of a process group. Killing the program alone would leave its children behind.
 *
 * @param options `env` is added to this process's own.
 */
export function startGroup(command: string, args: readonly string[], { env, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): Group {
  const stdio: StdioOptions = ["ignore", "pipe", "pipe", "pipe"];
  const child = spawn(command, args, { detached: true, stdio, cwd, env: { ...process.env, ...env } });
  let output = "";
  let ended = false;
  const collect = (bytes: Buffer): void => void (output += bytes.toString());
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nobody is left in it.
    }
  };
  process.once("exit", kill);
  const exited = new Promise<void>((resolve) => {
    const settle = (text = ""): void => {
      output += text;
      ended = true;
      resolve();
    };
    child.once("error", (error) => settle(error.message));
    child.once("exit", () => settle());
  });
  return {
    hasEnded: () => ended,
    output: () => output,
    extra: child.stdio[3] as Readable | null,
    async end() {
      process.off("exit", kill);
      kill();
      await exited;
    },
  };
}
