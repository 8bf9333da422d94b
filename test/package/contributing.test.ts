import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { filesOf } from "../../scripts/checks/files.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
/** npm calls these itself. */
const HOOKS = ["prepack", "postpack"];
/** Roots whose folders have a role each; of the others the root has one. */
const DIVIDED = ["src", "server", "test"];

const text = await readFile(join(repository, "CONTRIBUTING.md"), "utf8");

/** What stands as code in the first column of the tables. */
const rows = [...text.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code));

/** Every folder that has a role of its own, with a slash at its end. */
function folders(): string[] {
  const paths = filesOf(repository).map((file) => file.split("/").slice(0, -1));
  const named = paths.filter(([root]) => root !== undefined && !root.startsWith(".")).map(([root = "", below]) => (DIVIDED.includes(root) ? `${root}/${below ?? ""}` : root));
  return [...new Set(named)].map((folder) => `${folder}/`).filter((folder) => !folder.endsWith("//")).sort();
}

describe("CONTRIBUTING.md", () => {
  it("says of each folder what its role is, and of no other", () => {
    expect(rows.filter((row) => row.endsWith("/")).sort()).toEqual(folders());
  });

  it("says of each script of package.json what it does, and of no other", async () => {
    const { scripts } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const told = rows.flatMap((row) => /^npm (?:run )?([\w:]+)/.exec(row)?.[1] ?? []);
    expect([...new Set(told)].sort()).toEqual(Object.keys(scripts).filter((name) => !HOOKS.includes(name)).sort());
  });
});
