// @ts-check
import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { parseSync } from "vite";

/**
 * @typedef {object} Import
 * @property {string} specifier As it stands in the source.
 * @property {boolean} typeOnly Nothing of it is left at run time.
 * @property {number} line Counted from 1.
 */

/**
 * What a TypeScript file imports: declarations, re-exports, `import()` and `import("…").Type`.
 *
 * @param {string} source
 * @param {string} name Decides how it is parsed.
 * @returns {Import[]}
 */
export function importsOf(source, name) {
  const { program, errors } = parseSync(name, source);
  const failure = errors[0];
  if (failure !== undefined) throw new Error(`${name} does not parse: ${failure.message}`);
  /** @type {Import[]} */
  const found = [];
  /** @param {{ start: number, value: unknown }} literal @param {boolean} typeOnly */
  const add = (literal, typeOnly) => {
    if (typeof literal.value !== "string") return;
    found.push({ specifier: literal.value, typeOnly, line: source.slice(0, literal.start).split("\n").length });
  };
  visit(program, (node) => {
    if (node.type === "ImportDeclaration") add(node.source, node.importKind === "type" || allTypes(node.specifiers, "importKind"));
    if (node.type === "ExportAllDeclaration") add(node.source, node.exportKind === "type");
    if (node.type === "ExportNamedDeclaration" && node.source) {
      add(node.source, node.exportKind === "type" || allTypes(node.specifiers, "exportKind"));
    }
    if (node.type === "ImportExpression") add(node.source, false);
    if (node.type === "TSImportType") add(node.source ?? node.argument?.literal ?? {}, true);
  });
  return found;
}

/** @param {any[]} specifiers @param {string} kind */
function allTypes(specifiers, kind) {
  return specifiers.length > 0 && specifiers.every((specifier) => specifier[kind] === "type");
}

/**
 * Calls `enter` for every node of a parsed program, parents first.
 *
 * @param {any} node
 * @param {(node: any) => void} enter
 */
export function visit(node, enter) {
  if (Array.isArray(node)) return node.forEach((child) => visit(child, enter));
  if (typeof node !== "object" || node === null) return;
  if (typeof node.type === "string") enter(node);
  for (const value of Object.values(node)) if (typeof value === "object") visit(value, enter);
}

/**
 * The imports of a file of the repository, with relative ones resolved to the `.ts` file they mean.
 *
 * @param {string} root
 * @param {string} file
 * @returns {(Import & { target: string })[]} `target` is a path below `root` or a package specifier.
 */
export function resolvedImports(root, file) {
  const source = readFileSync(join(root, file), "utf8");
  return importsOf(source, file).map((found) => ({ ...found, target: resolve(file, found.specifier) }));
}

/** @param {string} file @param {string} specifier */
function resolve(file, specifier) {
  if (!specifier.startsWith(".")) return specifier;
  return posix.join(dirname(file), specifier).replace(/\.js$/, ".ts");
}
