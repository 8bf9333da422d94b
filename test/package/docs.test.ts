import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { listenEmbedded } from "millrace-server/embedded/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CodeBlock, documentedCode } from "../support/documents.js";
import { type GatewayCommand, startGatewayCommand } from "../support/gateway-command.js";
import { type PostgresServer, startPostgres } from "../support/postgres.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
/** Below the checkout, so that the packages resolve by name as they do for a user. */
const folder = join(repository, ".cache/documents");
const RUN_TIMEOUT_MS = 20_000;

/** What every example may use without saying where it comes from. */
const PREAMBLE = `declare global {
  /** A gateway in development mode with an UmaDB, an EventStoreDB and a Message DB behind it. */
  const url: string;
  /** That UmaDB, for what talks to it directly. */
  const umadbUrl: string;
  /** The PostgreSQL with Message DB behind that gateway. */
  const postgresUrl: string;
}
export {};
`;

const blocks = await documentedCode();
const examples = blocks.filter(({ language }) => ["ts", "typescript", "js", "javascript"].includes(language));
const commands = blocks.filter(({ language }) => ["sh", "bash", "shell", "console"].includes(language));
const nameOf = ({ file, line }: CodeBlock): string => `${file.replace(/[/.]/g, "-")}-${line}`;

let umadb: UmaDbServer;
let postgres: PostgresServer;
let eventstoredb: Awaited<ReturnType<typeof listenEmbedded>>;
let gateway: GatewayCommand;

beforeAll(async () => {
  umadb = await startUmaDb();
  postgres = await startPostgres();
  eventstoredb = await listenEmbedded({ systems: ["eventstoredb"] });
  gateway = await startGatewayCommand(["--allow-all", "--umadb", umadb.url, "--eventstoredb", eventstoredb.url, "--messagedb", postgres.url()]);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await umadb?.close();
  await eventstoredb?.close();
  await postgres?.close();
});

/** Type-checks all examples at once and answers the compiler's complaints. */
async function typeCheck(): Promise<string> {
  await writeFile(join(folder, "preamble.d.ts"), PREAMBLE);
  for (const block of examples) await writeFile(join(folder, `${nameOf(block)}.ts`), `${block.code}\nexport {};\n`);
  const compilerOptions = { noEmit: true, composite: false, types: ["node"], noUnusedLocals: false, noUnusedParameters: false };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.base.json", compilerOptions, include: ["*.ts"] }));
  return run(join(repository, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], { cwd: folder }).then(
    () => "",
    (failure: unknown) => (failure as { stdout: string }).stdout,
  );
}

/** Runs one example in a Node of its own until it ends by itself. */
async function runExample(block: CodeBlock): Promise<void> {
  const { code } = await transform(block.code, { loader: "ts", format: "esm", target: "node20" });
  const file = join(folder, `${nameOf(block)}.mjs`);
  const given = `globalThis.url = ${JSON.stringify(gateway.url)}; globalThis.umadbUrl = ${JSON.stringify(umadb.url)}; globalThis.postgresUrl = ${JSON.stringify(postgres.url())};`;
  await writeFile(join(folder, "given.mjs"), given);
  await writeFile(file, code);
  await run(process.execPath, ["--import", "./given.mjs", file], { cwd: folder, timeout: RUN_TIMEOUT_MS });
}

/** The text of `package.json`'s script, or the command itself. */
async function expanded(command: string): Promise<string> {
  const { scripts } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as { scripts: Record<string, string> };
  const name = command === "npm test" ? "test" : /^npm run (?:--silent )?([\w:]+)$/.exec(command)?.[1];
  return name === undefined ? command : (scripts[name] ?? `no script named ${name}`);
}

/** Commands of a shell block, one each: comments, prompts and conditions taken off. */
function linesOf({ code }: CodeBlock): string[] {
  return code
    .replace(/\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.replace(/^\$ /, "").replace(/\s+#.*$|^#.*$/, "").trim())
    .flatMap((line) => line.split(/\s*&&\s*/))
    .filter((line) => line !== "");
}

/** What `millrace` can be told to do. */
const COMMANDS = ["gateway", "dev"];

/** The flags that a command's help lists, one a line; what its sentences mention is not one. */
async function flagsOf(command: string): Promise<string[]> {
  const { stdout } = await run(process.execPath, [join(repository, "server/dist/cli/main.js"), command, "--help"]);
  return stdout.match(/^ +--[a-z][\w-]*/gm)?.map((flag) => flag.trim()) ?? [];
}

/** The flags that a line of shell gives to a command of `millrace`. */
function flagsUsed(line: string): { command: string; flag: string }[] {
  const [, command, rest] = new RegExp(`\\bmillrace(?:-server)? (${COMMANDS.join("|")})\\b(.*)$`).exec(line) ?? [];
  return command === undefined ? [] : (rest?.match(/(?<![\w-])--[a-z][\w-]*/g) ?? []).map((flag) => ({ command, flag }));
}

describe("the examples of README.md and docs/", () => {
  it("are there, and each is either TypeScript that runs or not code", () => {
    expect(examples.length).toBeGreaterThan(5);
    expect(examples.filter(({ language, info }) => language !== "ts" || info !== "").map(({ file, line, info }) => `${file}:${line} ${info}`)).toEqual([]);
  });

  it("compile in strict mode against the built packages", async () => {
    expect(await typeCheck()).toBe("");
  }, 60_000);

  it.each(examples.map((block) => [`${block.file}:${block.line}`, block] as const))(
    "%s runs to its end against a real UmaDB and a real PostgreSQL behind the gateway",
    (_name, block) => runExample(block),
    RUN_TIMEOUT_MS + 5_000,
  );
});

describe("the commands of README.md and docs/", () => {
  it("name scripts that exist", async () => {
    const { scripts } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const named = commands.flatMap(linesOf).flatMap((line) => /^npm run ([\w:-]+)/.exec(line)?.[1] ?? (line.startsWith("npm test") ? "test" : []));
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it("name flags that their command has", async () => {
    const known = new Map(await Promise.all(COMMANDS.map(async (command) => [command, await flagsOf(command)] as const)));
    const used = blocks.flatMap(linesOf).flatMap(flagsUsed);
    expect(new Set(used.map(({ command }) => command))).toEqual(new Set(COMMANDS));
    expect(used.filter(({ command, flag }) => !known.get(command)?.includes(flag))).toEqual([]);
  });

  it("that lead to the tests are those that CI runs, in the same order", async () => {
    const readme = commands.filter(({ file }) => file === "README.md").map(linesOf);
    const lines = readme.find((block) => block.includes("npm test"));
    expect(lines).toBeDefined();
    const ci = await readFile(join(repository, ".ci/run"), "utf8");
    const places = await Promise.all(
      (lines ?? []).filter((line) => !/^(git clone|cd) /.test(line)).map(async (line) => {
        const text = await expanded(line);
        const direct = ci.indexOf(line.replace("npm run ", "npm run --silent "));
        return { line, at: direct === -1 ? ci.indexOf(text) : direct };
      }),
    );
    expect(places.filter(({ at }) => at === -1)).toEqual([]);
    expect(places.map(({ at }) => at)).toEqual(places.map(({ at }) => at).sort((a, b) => a - b));
  });
});
