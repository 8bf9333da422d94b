import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksIn } from "../support/documents.js";
import { postgresFolder, startPostgres, type PostgresServer } from "../support/postgres.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const guide = await readFile(join(repository, "docs/message-db.md"), "utf8");
const [, chapter = ""] = /\n## Install it in a PostgreSQL\n([^]*?)\n## /.exec(guide) ?? [];
const blocks = blocksIn("docs/message-db.md", chapter).filter(({ language }) => language === "sh");

let server: PostgresServer;
let folder: string;
/** What the commands so far have exported. */
let exported = "";

beforeAll(async () => {
  server = await startPostgres();
  // As a server that nobody has installed Message DB in.
  for (const database of ["message_store", "message_store_empty"]) await server.admin(`DROP DATABASE ${database}`, "postgres");
  await server.admin("DROP ROLE message_store", "postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-guide-"));
  await mkdir(join(folder, "node_modules/@eventide"), { recursive: true });
}, 60_000);

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a block as it stands, but for the port, and for npm, whose package is this checkout's. */
async function runBlock(code: string): Promise<string> {
  const lines = code.replaceAll("5432", String(server.port)).split("\n");
  exported += lines.filter((line) => line.startsWith("export ")).map((line) => `${line}\n`).join("");
  const script = `set -euo pipefail\n${exported}${lines.filter((line) => !line.startsWith("npm ")).join("\n")}`;
  const { stdout } = await run("bash", ["-c", script], { cwd: folder, env: { PATH: `${postgresFolder()}:${process.env["PATH"] ?? ""}`, HOME: folder } });
  return stdout;
}

const block = (words: string): string => {
  const found = blocks.filter(({ code }) => code.includes(words));
  expect(found).toHaveLength(1);
  return found[0]?.code ?? "";
};

const databases = async (): Promise<unknown[]> => (await server.admin("SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)' ORDER BY 1", "postgres")).map(({ datname }) => datname);

describe("the commands that docs/message-db.md installs Message DB by, in their order, on a real PostgreSQL", () => {
  it("are those that are tried here", () => expect(blocks).toHaveLength(6));

  it("install Message DB, in the version that is tested here", async () => {
    const installed = JSON.parse(await readFile(join(repository, "node_modules/@eventide/message-db/package.json"), "utf8")) as { version: string };
    expect(blocks[0]?.code).toContain(`npm install @eventide/message-db@${installed.version}\n`);
    await symlink(join(repository, "node_modules/@eventide/message-db"), join(folder, "node_modules/@eventide/message-db"));
    await runBlock(block("npm install"));
    expect(await databases()).toEqual(["message_store"]);
  }, 60_000);

  it("give the role a password", async () => {
    expect(await runBlock(block("WITH PASSWORD"))).toContain("1.3.0");
  });

  it("install it in a database of another name, and in one that is there", async () => {
    await runBlock(block("CREATE_DATABASE=off"));
    expect(await databases()).toEqual(["existing", "message_store", "orders"]);
    for (const database of ["existing", "orders"]) expect(await server.admin("SELECT message_store_version() AS version", database)).toEqual([{ version: "1.3.0" }]);
  }, 60_000);

  it("let another role in", async () => {
    await runBlock(block("CREATE ROLE app"));
    expect(await server.admin("SELECT stream_name, position FROM messages", "message_store")).toEqual([{ stream_name: "account-1", position: "0" }]);
  });

  it("update it, and print its version", async () => {
    expect(await runBlock(block("update/1.3.0.sh"))).toMatch(/Done Updating[^]*Done Updating[^]*1\.3\.0/);
  });

  it("uninstall it", async () => {
    // What the guide made in the way of a role is its reader's.
    await server.admin("DROP OWNED BY app; DROP ROLE app", "message_store");
    await runBlock(block("uninstall.sh"));
    expect(await databases()).toEqual([]);
    expect(await server.admin("SELECT 1 FROM pg_roles WHERE rolname = 'message_store'", "postgres")).toEqual([]);
  });
});
