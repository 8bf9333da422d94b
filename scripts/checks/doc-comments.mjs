// @ts-check
import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { parseSync } from "vite";
import { publicEntries } from "./packages.mjs";

/**
 * @typedef {{ type: string, start: number, end: number, [key: string]: any }} Node
 * @typedef {{ file: string, source: string, comments: { value: string, start: number, end: number }[], body: Node[] }} Module
 */

/** Members that say all they have to say by their name, because the language gives it its meaning. */
const SELF_EXPLAINING = new Set(["constructor", "name", "toString", "toJSON"]);

/** Generated: their comments are the protocol's. */
const GENERATED = /(^|\/)dist\/gen\//;

/**
 * Every exported symbol of a public entry point, every member of an exported interface, object type or class has a doc
 * comment, as a user's editor shows it: read from the emitted declarations.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function checkDocComments(root) {
  const modules = new Map();
  const problems = publicEntries(root).flatMap(({ name, types }) => {
    const exported = exportsOf(root, types, modules);
    if (exported.length === 0) return [`${name} exports nothing`];
    return exported.flatMap(({ module, node, as }) => undocumented(module, node, as)).map((problem) => `${name}: ${problem}`);
  });
  return [...new Set(problems)];
}

/**
 * The public names of an entry point.
 *
 * @param {string} root
 * @param {string} types The entry's `.d.ts`.
 * @returns {string[]}
 */
export function exportedNames(root, types) {
  return [...new Set(exportsOf(root, types, new Map()).map(({ as }) => as))].sort();
}

/**
 * @typedef {{ module: Module, node: Node, as: string }} Exported
 *
 * @param {string} root @param {string} file @param {Map<string, Module>} modules
 * @returns {Exported[]}
 */
function exportsOf(root, file, modules) {
  const module = parse(root, file, modules);
  return module.body.flatMap((statement) => {
    if (statement.type === "ExportAllDeclaration") return exportsFrom(root, file, statement["source"].value, modules);
    if (statement.type !== "ExportNamedDeclaration") return [];
    if (statement["declaration"]) return namesOf(statement["declaration"]).map((as) => ({ module, node: statement, as }));
    return statement["specifiers"].flatMap((/** @type {any} */ { local, exported }) => {
      const found = reference(root, module, statement["source"]?.value, local.name, modules);
      return found.map((declaration) => ({ ...declaration, as: exported.name }));
    });
  });
}

/**
 * The declarations behind one name of an export list: of another file, imported first, or of this file.
 *
 * @param {string} root @param {Module} module @param {string | undefined} source @param {string} name @param {Map<string, Module>} modules
 * @returns {Exported[]}
 */
function reference(root, module, source, name, modules) {
  const from = source === undefined ? importedFrom(module, name) : { source, name };
  if (from === undefined) return localDeclarations(module, name);
  const found = exportsFrom(root, module.file, from.source, modules).filter(({ as }) => as === from.name);
  if (found.length === 0 && isRelative(from.source)) throw new Error(`${module.file} exports ${name}, whose declaration was not found`);
  return found;
}

/** @param {string} root @param {string} file @param {string} source @param {Map<string, Module>} modules @returns {Exported[]} */
function exportsFrom(root, file, source, modules) {
  // What another package exports is documented there.
  return isRelative(source) ? exportsOf(root, posix.join(dirname(file), source).replace(/\.js$/, ".d.ts"), modules) : [];
}

/** @param {string} specifier */
function isRelative(specifier) {
  return specifier.startsWith(".");
}

/** @param {Module} module @param {string} name */
function importedFrom(module, name) {
  for (const statement of module.body) {
    if (statement.type !== "ImportDeclaration") continue;
    for (const { local, imported } of statement["specifiers"]) {
      if (local.name === name && imported !== undefined) return { source: statement["source"].value, name: imported.name };
    }
  }
  return undefined;
}

/** @param {Module} module @param {string} name */
function localDeclarations(module, name) {
  return module.body
    .filter((statement) => namesOf(statement["declaration"] ?? statement).includes(name))
    .map((node) => ({ module, node, as: name }));
}

/** @param {Node} declaration @returns {string[]} */
function namesOf(declaration) {
  if (declaration["declarations"]) return declaration["declarations"].map((/** @type {any} */ { id }) => id.name);
  return declaration["id"]?.name === undefined ? [] : [declaration["id"].name];
}

/** @param {Module} module @param {Node} statement @param {string} name @returns {string[]} */
function undocumented(module, statement, name) {
  if (GENERATED.test(module.file)) return [];
  const declaration = statement["declaration"] ?? statement;
  const problems = isDocumented(module, statement) || isLaterOverload(module, statement, name) ? [] : [`${name} has no doc comment`];
  const silent = membersOf(declaration).filter((member) => !isDocumented(module, member)).map(memberName);
  return [...problems, ...silent.filter((member) => needsComment(member, membersOf(declaration), module)).map((member) => `${name}.${member} has no doc comment`)];
}

/** @param {string} member @param {Node[]} members @param {Module} module */
function needsComment(member, members, module) {
  if (member === "" || SELF_EXPLAINING.has(member) || member.startsWith("[Symbol.")) return false;
  // A getter and its setter, or overloads of a method, share the comment of the first.
  return !members.some((other) => memberName(other) === member && isDocumented(module, other));
}

/** @param {Node} declaration @returns {Node[]} */
function membersOf(declaration) {
  if (declaration.type === "TSInterfaceDeclaration") return declaration["body"].body;
  if (declaration.type === "ClassDeclaration") return declaration["body"].body.filter(isPublic);
  if (declaration.type === "TSTypeAliasDeclaration" && declaration["typeAnnotation"].type === "TSTypeLiteral") return declaration["typeAnnotation"].members;
  return [];
}

/** @param {Node} member */
function isPublic(member) {
  return member["accessibility"] !== "private" && member["key"]?.type !== "PrivateIdentifier";
}

/** @param {Node} member @returns {string} Empty for call and index signatures. */
function memberName(member) {
  const key = member["key"];
  if (key === undefined) return "";
  if (key.type === "MemberExpression") return `[${key.object.name}.${key.property.name}]`;
  return key.name ?? String(key.value);
}

/** @param {Module} module @param {Node} statement @param {string} name */
function isLaterOverload(module, statement, name) {
  const same = localDeclarations(module, name);
  return same.length > 1 && same.some(({ node }) => node.start < statement.start && isDocumented(module, node));
}

/** @param {Module} module @param {Node} node */
function isDocumented(module, node) {
  return module.comments.some(({ value, end }) => value.startsWith("*") && value.trim().length > 3 && end <= node.start && module.source.slice(end, node.start).trim() === "");
}

/** @param {string} root @param {string} file @param {Map<string, Module>} modules @returns {Module} */
function parse(root, file, modules) {
  const known = modules.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(join(root, file), "utf8");
  const { program, comments } = parseSync(file, source);
  const module = { file, source, comments, body: /** @type {any} */ (program.body) };
  modules.set(file, module);
  return module;
}
