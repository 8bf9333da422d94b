import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A Python client that the set-up installs: a version of UmaDB's own, or KurrentDB's. */
export type PythonClient = "0.7.8" | "0.4.0" | "kurrentdbclient";

const FOLDERS: Record<PythonClient, string> = { "0.7.8": "venv", "0.4.0": "venv-umadb-0.4.0", kurrentdbclient: "venv-kurrentdbclient" };

/** How a Python program ended. */
export interface PythonRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface PythonProgram {
  /** Resolves when it has printed `text`. */
  said(text: string): Promise<void>;
  readonly ended: Promise<PythonRun>;
}

/** Starts a program with such a client at hand; `args` are its `sys.argv[1:]`. */
export function startPython(client: PythonClient, program: string, args: readonly string[] = []): PythonProgram {
  const python = fileURLToPath(new URL(`../../.cache/${FOLDERS[client]}/bin/python`, import.meta.url));
  const child = spawn(python, ["-u", "-c", program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.on("data", (bytes: Buffer) => {
    stdout += bytes.toString();
    for (const listener of listeners) listener();
  });
  child.stderr.on("data", (bytes: Buffer) => { stderr += bytes.toString(); });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = new Promise<PythonRun>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      process.off("exit", killWithUs);
      resolve({ code, stdout, stderr });
    });
  });
  const said = async (text: string): Promise<void> => {
    const found = new Promise<void>((resolve) => {
      listeners.add(() => { if (stdout.includes(text)) resolve(); });
      if (stdout.includes(text)) resolve();
    });
    const gone = ended.then((run) => { throw failure(run); });
    await Promise.race([found, gone]);
  };
  return { said, ended };
}

/** What a program that prints JSON on its last line has printed there. @throws {Error} It failed; the message holds what it said. */
export async function jsonOf({ ended }: PythonProgram): Promise<unknown> {
  const run = await ended;
  if (run.code !== 0) throw failure(run);
  return JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "");
}

function failure({ code, stdout, stderr }: PythonRun): Error {
  return new Error(`Python ended with ${code}:\n${stdout}${stderr}`);
}
