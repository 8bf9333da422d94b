// @ts-check
import { build } from "esbuild";
import { relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/**
 * What a page imports, and the most it may weigh: bundled, minified, brotli, in bytes.
 *
 * @type {readonly { name: string, budget: number, code: string }[]}
 */
export const BUDGETS = [
  {
    // Above its goal of 10 240 bytes; it may only shrink.
    name: "a page that reads and subscribes",
    budget: 13_700,
    code: `import { UmaDb } from "millrace/umadb";
const db = new UmaDb({ url: location.origin });
for await (const { position } of db.read()) console.log(position);
for await (const { event } of db.subscribe(undefined, { after: "end" })) console.log(event.type);`,
  },
  {
    name: "errors and payload helpers",
    budget: 1_024,
    code: `import { isMillraceError, fromJson, json, text } from "millrace"; console.log(isMillraceError, fromJson, json, text);`,
  },
];

/**
 * What a page has loaded when its own module runs: the entry and the chunks that it imports statically, each as it
 * travels. A part that is imported on demand is not in it.
 *
 * @param {string} root Where the built package is installed by name, or is linked.
 * @param {string} code
 * @returns {Promise<number>} Bytes after brotli.
 */
export async function bundledSize(root, code) {
  const result = await build({
    stdin: { contents: code, resolveDir: root, loader: "ts", sourcefile: "page.ts" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    splitting: true,
    outdir: root,
    absWorkingDir: root,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const { outputs } = result.metafile;
  const files = new Map(result.outputFiles.map(({ path, contents }) => [relative(root, path), contents]));
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === "page.ts" || outputs[path]?.entryPoint === "<stdin>");
  if (entry === undefined) throw new Error("esbuild made no bundle");
  return staticallyLoaded(outputs, entry).reduce((total, path) => total + brotliSize(/** @type {Uint8Array} */ (files.get(path))), 0);
}

/** @param {import("esbuild").Metafile["outputs"]} outputs @param {string} from @param {Set<string>} seen @returns {string[]} */
function staticallyLoaded(outputs, from, seen = new Set()) {
  if (seen.has(from)) return [];
  seen.add(from);
  const next = (outputs[from]?.imports ?? []).filter(({ kind, external }) => kind === "import-statement" && external !== true);
  return [from, ...next.flatMap(({ path }) => staticallyLoaded(outputs, path, seen))];
}

/** @param {Uint8Array} contents */
function brotliSize(contents) {
  return brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).byteLength;
}

/**
 * @param {string} root
 * @returns {Promise<{ problems: string[], note: string }>} The note says what was measured.
 */
export async function checkSizes(root) {
  const sizes = await Promise.all(BUDGETS.map(async (row) => ({ ...row, size: await bundledSize(root, row.code) })));
  return {
    problems: sizes.filter(({ size, budget }) => size > budget).map(({ name, size, budget }) => `${name}: ${size} bytes, at most ${budget}`),
    note: sizes.map(({ name, size, budget }) => `${name} ${size} of ${budget} B`).join(", "),
  };
}
