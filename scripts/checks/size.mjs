// @ts-check
import { build } from "esbuild";
import { relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/**
 * What a page imports, and the most it may weigh: bundled, minified, brotli, in bytes.
 *
 * @typedef {object} Budget
 * @property {string} name
 * @property {number} budget
 * @property {string} code
 * @property {readonly string[]} [demand] Modules that are imported on demand and are counted too, with what they import.
 * @property {boolean} [oneFile] Counts everything, from a bundler that does not split.
 */

const READS_AND_SUBSCRIBES = `import { UmaDb } from "millrace/umadb";
const db = new UmaDb({ url: location.origin });
for await (const { position } of db.read()) console.log(position);
for await (const { event } of db.subscribe(undefined, { after: "end" })) console.log(event.type);`;

const READS_AND_SUBSCRIBES_EVENTSTOREDB = `import { EventStoreDb, excludeSystemEvents } from "millrace/eventstoredb";
const client = new EventStoreDb({ url: location.origin });
for await (const { revision } of client.readStream("orders")) console.log(revision);
for await (const { type } of client.subscribeToAll({ after: "end", filter: excludeSystemEvents() })) console.log(type);`;

const SUBSCRIBES_KUBEMQ = `import { eventsStore, KubeMq } from "millrace/kubemq";
const client = new KubeMq({ url: location.origin });
for await (const { sequence } of eventsStore(client).subscribe("orders", { from: "first" })) console.log(sequence);`;

/** @type {readonly Budget[]} */
export const BUDGETS = [
  { name: "a page that reads and subscribes", budget: 10_240, code: READS_AND_SUBSCRIBES },
  { name: "with its first call", budget: 15_600, code: READS_AND_SUBSCRIBES, demand: ["carrier/calls.js"] },
  { name: "with a tunnel", budget: 21_200, code: READS_AND_SUBSCRIBES, demand: ["carrier/calls.js", "carrier/auto-route.js"] },
  { name: "all in one file", budget: 22_900, code: READS_AND_SUBSCRIBES, oneFile: true },
  { name: "a page that reads and subscribes EventStoreDB", budget: 14_336, code: READS_AND_SUBSCRIBES_EVENTSTOREDB },
  { name: "a page that subscribes KubeMQ", budget: 19_200, code: SUBSCRIBES_KUBEMQ },
  {
    name: "errors and payload helpers",
    budget: 1_024,
    code: `import { isMillraceError, fromJson, json, text } from "millrace"; console.log(isMillraceError, fromJson, json, text);`,
  },
  { name: "fetchCarrier()", budget: 4_900, code: `import { fetchCarrier } from "millrace/carrier"; console.log(fetchCarrier);` },
  { name: "tunnelCarrier()", budget: 9_300, code: `import { tunnelCarrier } from "millrace/carrier"; console.log(tunnelCarrier);` },
  { name: "liveFeed()", budget: 1_400, code: `import { liveFeed } from "millrace/live"; console.log(liveFeed);` },
  { name: "MessageDb", budget: 7_700, code: `import { MessageDb } from "millrace/messagedb"; console.log(MessageDb);` },
];

/**
 * What a page has loaded when its own module runs: the entry and the chunks that it imports statically, each as it
 * travels. A part that is imported on demand is in it only if it is named.
 *
 * @param {string} root Where the built package is installed by name, or is linked.
 * @param {string} code
 * @param {Pick<Budget, "demand" | "oneFile">} [counted]
 * @returns {Promise<number>} Bytes after brotli.
 */
export async function bundledSize(root, code, { demand = [], oneFile = false } = {}) {
  const result = await build({
    stdin: { contents: code, resolveDir: root, loader: "ts", sourcefile: "page.ts" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    splitting: !oneFile,
    outdir: root,
    absWorkingDir: root,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const { outputs } = result.metafile;
  const files = new Map(result.outputFiles.map(({ path, contents }) => [relative(root, path), contents]));
  const isEntry = (/** @type {string} */ path) => ["page.ts", "<stdin>"].includes(outputs[path]?.entryPoint ?? "");
  const entries = [isEntry, ...demand.map((name) => (/** @type {string} */ path) => outputs[path]?.entryPoint?.endsWith(name) === true)]
    .map((is) => Object.keys(outputs).find(is));
  const seen = /** @type {Set<string>} */ (new Set());
  for (const entry of entries) {
    if (entry === undefined) throw new Error(`esbuild made no bundle for one of: page, ${demand.join(", ")}`);
    addLoaded(outputs, entry, seen);
  }
  return [...seen].reduce((total, path) => total + brotliSize(/** @type {Uint8Array} */ (files.get(path))), 0);
}

/**
 * Adds `from` and all that it imports statically to `seen`.
 *
 * @param {import("esbuild").Metafile["outputs"]} outputs @param {string} from @param {Set<string>} seen
 */
function addLoaded(outputs, from, seen) {
  if (seen.has(from)) return;
  seen.add(from);
  for (const { kind, external, path } of outputs[from]?.imports ?? []) {
    if (kind === "import-statement" && external !== true) addLoaded(outputs, path, seen);
  }
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
  const sizes = await Promise.all(BUDGETS.map(async (row) => ({ ...row, size: await bundledSize(root, row.code, row) })));
  return {
    problems: sizes.filter(({ size, budget }) => size > budget).map(({ name, size, budget }) => `${name}: ${size} bytes, at most ${budget}`),
    note: sizes.map(({ name, size, budget }) => `${name} ${size} of ${budget} B`).join(", "),
  };
}
