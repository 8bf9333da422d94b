// @ts-check
import { build } from "esbuild";
import { brotliCompressSync, constants } from "node:zlib";

/**
 * What a page imports, and the most it may weigh: bundled, minified, brotli, in bytes.
 *
 * @type {readonly { name: string, budget: number, code: string }[]}
 */
export const BUDGETS = [
  {
    name: "a page that reads and subscribes",
    budget: 10_240,
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
 * @param {string} root Where the built package is installed by name, or is linked.
 * @param {string} code
 * @returns {Promise<number>} Bytes of the minified bundle after brotli.
 */
export async function bundledSize(root, code) {
  const result = await build({
    stdin: { contents: code, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const [bundle] = result.outputFiles;
  if (bundle === undefined) throw new Error("esbuild made no bundle");
  return brotliCompressSync(bundle.contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).byteLength;
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
