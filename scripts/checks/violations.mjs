// @ts-check
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

/**
 * @typedef {object} Violation
 * @property {string} check The check that must go red.
 * @property {string} what
 * @property {(root: string) => void} plant Breaks the rule in a copy of the repository.
 */

/**
 * At least one broken rule for each check.
 *
 * @type {readonly Violation[]}
 */
export const VIOLATIONS = [
  { check: "types", what: "a text that is a number", plant: append("src/core/errors.ts", `export const planted: number = "text";`) },
  { check: "types", what: "Node's globals in a page's code", plant: append("src/core/errors.ts", "export const planted = Buffer.from([]);") },
  { check: "lint", what: "a floating promise", plant: append("src/core/errors.ts", "export function planted(): void {\n  Promise.reject(new Error());\n}") },
  { check: "lint", what: "any", plant: append("src/core/errors.ts", "export let planted: any;") },
  { check: "lint", what: "a test that is left out", plant: write("test/unit/planted.test.ts", `import { expect, it } from "vitest";\nit.skip("is left out", () => expect(1).toBe(2));\n`) },
  { check: "protos", what: "a field in camel case", plant: append("proto/umadb/v1/umadb.proto", "message Planted {\n  string camelCase = 1;\n}") },
  { check: "generated", what: "a change by hand", plant: append("gen/static/umadb/v1/umadb.ts", "// by hand") },
  { check: "layers", what: "core imports wire", plant: append("src/core/errors.ts", `export { statusCode } from "../wire/status.js";`) },
  { check: "layers", what: "Node in a page's code", plant: append("src/wire/status.ts", `import "node:fs";`) },
  { check: "layers", what: "the server imports a source of the client", plant: write("server/gateway/planted.ts", `export * from "../../src/wire/status.js";\n`) },
  { check: "layers", what: "two files that import each other", plant: cycle },
  { check: "packages", what: "two versions", plant: edit("server/package.json", /"version": "[^"]+"/, `"version": "0.0.0-planted"`) },
  { check: "packages", what: "a dependency that is not pinned", plant: edit("package.json", /"vitest": "/, `"vitest": "^`) },
  { check: "packages", what: "an entry point that is not built", plant: (root) => rmSync(join(root, "dist/src/umadb/index.js")) },
  { check: "packages", what: "a package without licence", plant: (root) => rmSync(join(root, "server/LICENSE")) },
  { check: "docs", what: "a function without doc comment", plant: append("dist/src/index.d.ts", "export declare function planted(): void;") },
  { check: "docs", what: "an option without doc comment", plant: append("dist/src/umadb/index.d.ts", "/** Planted. */\nexport interface Planted {\n    option?: number;\n}") },
  { check: "sizes", what: "20 KB more in a page", plant: (root) => append("dist/src/umadb/index.js", `globalThis.planted = "${randomBytes(10_000).toString("hex")}";`)(root) },
  { check: "prose", what: "a path of one machine", plant: write("docs/planted.md", `See ${["", "root", "notes"].join("/")}.\n`) },
  { check: "prose", what: "a note of the workplace", plant: append("src/core/errors.ts", `// See ${["decisions", "md"].join(".")}.`) },
];

/** @param {string} file @param {string} text @returns {(root: string) => void} */
function append(file, text) {
  return (root) => appendFileSync(join(root, file), `\n${text}\n`);
}

/** @param {string} file @param {string} text @returns {(root: string) => void} */
function write(file, text) {
  return (root) => writeFileSync(join(root, file), text);
}

/** @param {string} file @param {RegExp} pattern @param {string} replacement @returns {(root: string) => void} */
function edit(file, pattern, replacement) {
  return (root) => {
    const before = readFileSync(join(root, file), "utf8");
    const after = before.replace(pattern, replacement);
    if (after === before) throw new Error(`${file} holds nothing like ${pattern}`);
    writeFileSync(join(root, file), after);
  };
}

/** @param {string} root */
function cycle(root) {
  write("src/core/planted-a.ts", `import { b } from "./planted-b.js";\nexport const a = (): unknown => b;\n`)(root);
  write("src/core/planted-b.ts", `import { a } from "./planted-a.js";\nexport const b = (): unknown => a;\n`)(root);
}
