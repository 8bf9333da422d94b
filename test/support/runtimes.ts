import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { runtimeProgram } from "../../scripts/tests/needs.mjs";
import { serveWorker } from "../../scripts/tests/serve-worker.mjs";
import { startGroup } from "./browsers/group.js";
import { launchBrowser } from "./browsers/launch.js";

const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The runtimes that millrace is made for. */
export const RUNTIMES = ["Node 20", "Node 24", "Deno", "Bun", "workerd", "Chromium", "Firefox", "WebKit"] as const;

export type Runtime = (typeof RUNTIMES)[number];

/** A program that runs, in a runtime. */
export interface Running {
  /** What it printed, where that can be seen. */
  output(): string;
  /** Ends it, its runtime included. */
  close(): Promise<void>;
}

/** A module of a user's project. */
export interface Program {
  /** The project's folder; its `node_modules` are what the module imports by name. */
  readonly folder: string;
  readonly source: string;
  /** Publishes a script for pages and answers the address of the page that loads it. */
  publish(script: string): string;
}

/** A database of many megabytes, which is loaded when embedded Message DB starts; it reaches for Node's modules by itself. */
const LEFT_OUT = ["@electric-sql/pglite"];

/** How the runtimes that read `node_modules` themselves are started. */
const NATIVE: Partial<Record<Runtime, readonly string[]>> = {
  "Node 20": [process.execPath],
  "Node 24": [runtimeProgram(repository, "node")],
  Deno: [runtimeProgram(repository, "deno"), "run", "--allow-all", "--node-modules-dir=manual"],
  Bun: [runtimeProgram(repository, "bun")],
};

/** Runs a module in a runtime: as it is where the runtime resolves imports by itself, bundled for workerd and for pages. */
export async function start(runtime: Runtime, program: Program): Promise<Running> {
  const native = NATIVE[runtime];
  if (native !== undefined) return startNative(native, runtime, program);
  if (runtime === "workerd") return startWorker(program);
  return startPage(runtime.toLowerCase() as "chromium" | "firefox" | "webkit", program);
}

async function startNative([command = "", ...args]: readonly string[], runtime: Runtime, { folder, source }: Program): Promise<Running> {
  const file = join(folder, `${runtime.replace(" ", "-")}.mjs`);
  await writeFile(file, source);
  const group = startGroup(command, [...args, file], { cwd: folder });
  return { output: () => group.output(), close: () => group.end() };
}

/** A worker does things only while it answers a request. */
async function startWorker({ folder, source }: Program): Promise<Running> {
  const file = join(folder, "worker", "worker.mjs");
  await mkdir(join(folder, "worker"), { recursive: true });
  const handler = "export default { async fetch() { try { await main(); return new Response(); } catch (error) { return new Response(error.stack, { status: 500 }); } } };";
  await writeFile(file, await bundled(`${source.replace("await main();", "")}\n${handler}`, folder, ["workerd", "worker", "browser"]));
  const { url, close } = await serveWorker(repository, file);
  let output = "";
  void fetch(url).then(async (response) => (output = await response.text()), (error: unknown) => (output = String(error)));
  return { output: () => output, close };
}

async function startPage(name: "chromium" | "firefox" | "webkit", { folder, source, publish }: Program): Promise<Running> {
  const browser = await launchBrowser(name);
  try {
    await browser.open(publish(await bundled(source, folder, ["browser"])));
  } catch (error) {
    await browser.close();
    throw error;
  }
  return { output: () => "", close: () => browser.close() };
}

async function bundled(contents: string, resolveDir: string, conditions: string[]): Promise<string> {
  const { outputFiles } = await build({ stdin: { contents, resolveDir }, bundle: true, write: false, format: "esm", target: "es2022", conditions, external: LEFT_OUT, logLevel: "silent" });
  return outputFiles[0]?.text ?? "";
}
