import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** What `npm pack` reads; the rest of a checkout cannot get into a package. */
const PACKED_FROM = [
  "package.json", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "dist", "scripts/pack-manifest.mjs",
  "server/package.json", "server/README.md", "server/LICENSE", "server/NOTICE", "server/dist",
];

/** One packed package. */
export interface PackedPackage {
  /** Path of the tarball. */
  readonly tarball: string;
  /** Every file in it, sorted. */
  readonly files: readonly string[];
  /** Its `package.json`. */
  readonly manifest: Record<string, unknown>;
}

/** Both packages, packed from a copy of this checkout: packing rewrites `package.json` while it runs. */
export interface Packed {
  readonly millrace: PackedPackage;
  readonly server: PackedPackage;
  /** Whether both `package.json` are what they were before. */
  readonly manifestsKept: boolean;
  close(): Promise<void>;
}

/** Runs `npm pack` and `npm pack -w server`. What was built last is packed. */
export async function pack(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-pack-"));
  const copy = join(folder, "repository");
  for (const entry of PACKED_FROM.filter((path) => existsSync(join(repository, path)))) await cp(join(repository, entry), join(copy, entry), { recursive: true });
  const tarballs = join(folder, "tarballs");
  await mkdir(tarballs);
  const millrace = await packOne(copy, tarballs, []);
  const server = await packOne(copy, tarballs, ["-w", "server"]);
  const manifestsKept = await sameFile("package.json", copy) && await sameFile("server/package.json", copy);
  return { millrace, server, manifestsKept, close: () => rm(folder, { recursive: true, force: true }) };
}

async function packOne(copy: string, tarballs: string, args: readonly string[]): Promise<PackedPackage> {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", tarballs, ...args], { cwd: copy });
  // Only the array is JSON: lifecycle scripts may print before it.
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(tarballs, filename);
  const manifest = (await run("tar", ["-xzOf", tarball, "package/package.json"])).stdout;
  return { tarball, files: files.map(({ path }) => path).sort(), manifest: JSON.parse(manifest) as Record<string, unknown> };
}

async function sameFile(file: string, copy: string): Promise<boolean> {
  return (await readFile(join(repository, file), "utf8")) === (await readFile(join(copy, file), "utf8"));
}

/** An empty project of a user, with what was asked for installed from the tarballs. */
export interface Installed {
  readonly folder: string;
  /** Runs a module of the project in Node and answers what it printed. @throws When it fails. */
  node(source: string): Promise<string>;
  /** Makes a package of this checkout's `node_modules` visible to the project, as if the user had installed it. */
  link(name: string): Promise<void>;
  close(): Promise<void>;
}

/** `npm install` of tarballs in an empty project; what they depend on comes from npm's cache where it can. */
export async function install(tarballs: readonly string[]): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-user-"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", ...tarballs], { cwd: folder });
  return {
    folder,
    async node(source) {
      await writeFile(join(folder, "main.mjs"), source);
      return (await run(process.execPath, ["main.mjs"], { cwd: folder })).stdout.trim();
    },
    async link(name) {
      await mkdir(join(folder, "node_modules", name, ".."), { recursive: true });
      await symlink(join(repository, "node_modules", name), join(folder, "node_modules", name));
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
