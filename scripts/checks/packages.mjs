// @ts-check
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folders of the packages that are published. */
export const PACKAGES = ["", "server"];

/** @param {string} root @param {string} folder @returns {any} */
export function manifestOf(root, folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/**
 * Public entry points of both packages: subpath and the `.d.ts` and `.js` behind it, relative to the repository.
 * `millrace/internal/*` is left out: it carries no promise.
 *
 * @param {string} root
 * @returns {{ name: string, types: string, code: string }[]}
 */
export function publicEntries(root) {
  return PACKAGES.flatMap((folder) => {
    const manifest = manifestOf(root, folder);
    return Object.entries(manifest.exports)
      .filter(([subpath, target]) => typeof target === "object" && !subpath.startsWith("./internal/"))
      .map(([subpath, target]) => ({
        name: manifest.name + subpath.slice(1),
        types: join(folder, /** @type {any} */ (target).types),
        code: join(folder, /** @type {any} */ (target).default),
      }));
  });
}

/**
 * Both packages carry one version and one licence, every entry point was built, every development dependency is pinned.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function checkPackages(root) {
  const [light, server] = PACKAGES.map((folder) => manifestOf(root, folder));
  const problems = [
    ...publicEntries(root).flatMap(({ name, types, code }) =>
      [types, code].filter((file) => !existsSync(join(root, file))).map((file) => `${name}: there is no ${file}`),
    ),
    ...PACKAGES.flatMap((folder) => licenceProblems(root, folder)),
    ...unpinned(light.devDependencies, ["millrace"]),
    ...unpinned(server.dependencies, []),
    ...unpinned(server.devDependencies ?? {}, []),
  ];
  if (server.version !== light.version) problems.push(`versions differ: ${light.version} and ${server.version}`);
  if (server.dependencies.millrace !== light.version) problems.push(`the server depends on millrace ${server.dependencies.millrace}, not ${light.version}`);
  return problems;
}

/** @param {string} root @param {string} folder */
function licenceProblems(root, folder) {
  const file = join(folder, "LICENSE");
  if (!existsSync(join(root, file))) return [`${file} is missing`];
  const text = readFileSync(join(root, file), "utf8");
  const problems = [];
  if (!text.startsWith("MIT License\n") || !text.includes("Millrace contributors")) problems.push(`${file} is not the project's MIT licence`);
  if (manifestOf(root, folder).license !== "MIT") problems.push(`${join(folder, "package.json")} does not say MIT`);
  return problems;
}

/** @param {Record<string, string>} dependencies @param {string[]} exempt */
function unpinned(dependencies, exempt) {
  return Object.entries(dependencies)
    .filter(([name, range]) => !exempt.includes(name) && !/^\d+\.\d+\.\d+$/.test(range))
    .map(([name, range]) => `${name} is not pinned to an exact version: ${range}`);
}
