// @ts-check
import { filesOf } from "./files.mjs";
import { resolvedImports } from "./imports.mjs";

/**
 * @typedef {object} Layer
 * @property {RegExp} files Which files it holds; the first layer that matches wins.
 * @property {readonly string[]} may Names of layers it may import, its own left out.
 * @property {readonly RegExp[]} packages What it may import by name.
 */

/** Everything the server may take from the light package: public subpaths, and internals by their own name. */
const MILLRACE = /^millrace(\/(umadb|eventstoredb|eventstoredb\/http2|kubemq|messagedb|messagedb\/direct|carrier|carrier\/http2|connect|live|internal\/.+))?$/;
const PUBLIC = /^millrace(\/(umadb|eventstoredb|kubemq|messagedb|carrier|connect))?$/;
const PROTOBUF = /^@bufbuild\/protobuf(\/.+)?$/;
const NODE = /^node:/;

/**
 * Imports point one way. A layer that is not here must be added before its first file.
 *
 * @type {Readonly<Record<string, Layer>>}
 */
export const LAYERS = {
  "gen/es": { files: /^gen\/es\//, may: [], packages: [PROTOBUF] },
  "gen/static": { files: /^gen\/static\//, may: [], packages: [/^@bufbuild\/protobuf\/wire$/] },
  core: { files: /^src\/core\//, may: [], packages: [] },
  protobuf: { files: /^src\/protobuf\//, may: [], packages: [/^@bufbuild\/protobuf\/wire$/] },
  wire: { files: /^src\/wire\//, may: ["core"], packages: [] },
  "carrier/http2": { files: /^src\/carrier\/http2\//, may: ["core", "wire", "carrier"], packages: [NODE] },
  carrier: { files: /^src\/carrier\//, may: ["core", "wire"], packages: [] },
  umadb: { files: /^src\/umadb\//, may: ["core", "protobuf", "wire", "carrier", "gen/static"], packages: [] },
  "messagedb/direct": { files: /^src\/messagedb\/direct\//, may: ["core", "wire", "messagedb"], packages: [/^postgres$/] },
  messagedb: { files: /^src\/messagedb\//, may: ["core", "wire"], packages: [] },
  "eventstoredb/http2": { files: /^src\/eventstoredb\/http2\//, may: ["core", "wire", "carrier", "carrier/http2", "eventstoredb"], packages: [NODE] },
  eventstoredb: { files: /^src\/eventstoredb\//, may: ["core", "protobuf", "wire", "carrier", "gen/static"], packages: [] },
  kubemq: { files: /^src\/kubemq\//, may: ["core", "protobuf", "wire", "carrier", "gen/static"], packages: [] },
  connect: { files: /^src\/connect\//, may: ["core", "wire", "carrier", "gen/es"], packages: [/^@connectrpc\/connect(\/protocol)?$/, PROTOBUF] },
  live: { files: /^src\/live\//, may: ["core"], packages: [] },
  index: { files: /^src\/index\.ts$/, may: ["core", "carrier"], packages: [] },
  "server/gateway": { files: /^server\/gateway\//, may: [], packages: [MILLRACE, NODE, /^(ws|postgres)$/] },
  "server/embedded": { files: /^server\/embedded\//, may: ["server/gateway"], packages: [MILLRACE, NODE, /^@electric-sql\/pglite$/] },
  "server/demo": { files: /^server\/demo\//, may: [], packages: [PUBLIC, NODE] },
  "server/dashboard": { files: /^server\/dashboard\/(?!vite\.config\.ts$)/, may: [], packages: [PUBLIC, /^uplot$/] },
  "server/cli": { files: /^server\/cli\//, may: ["server/gateway", "server/embedded", "server/demo"], packages: [MILLRACE, NODE, /^(pino|yaml)$/] },
  "server/index": { files: /^server\/index\.ts$/, may: ["server/gateway"], packages: [] },
  spec: { files: /^test\/spec\/(?!.*\.test\.ts$)/, may: [], packages: [PUBLIC, /^vitest$/] },
};

const CHECKED = /^(gen|src|server)\/.*\.ts$|^test\/spec\/.*\.ts$/;
const EXEMPT = /\.d\.ts$|\.test\.ts$|^server\/dashboard\/vite\.config\.ts$/;

/**
 * @param {string} root
 * @returns {string[]} What is wrong; empty when nothing is.
 */
export function checkLayers(root) {
  const files = filesOf(root, (path) => CHECKED.test(path) && !EXEMPT.test(path));
  /** @type {string[]} */
  const problems = [];
  /** @type {Map<string, string[]>} */
  const values = new Map();
  for (const file of files) {
    const imports = resolvedImports(root, file);
    for (const { target, line } of imports) {
      const problem = forbidden(file, target);
      if (problem !== undefined) problems.push(`${file}:${line} ${problem}`);
    }
    values.set(file, imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target));
  }
  return [...problems, ...cyclesIn(values).map((cycle) => `import cycle: ${cycle.join(" -> ")}`)];
}

/**
 * Why `file` may not import `target`, or `undefined` when it may.
 *
 * @param {string} file
 * @param {string} target A path below the repository or a package specifier, as in `resolvedImports`.
 */
export function forbidden(file, target) {
  const from = layerOf(file);
  if (from === undefined) return "belongs to no layer: name it in scripts/checks/layers.mjs";
  const layer = /** @type {Layer} */ (LAYERS[from]);
  if (!isRelative(target)) {
    return layer.packages.some((allowed) => allowed.test(target)) ? undefined : `${from} may not import the package ${target}`;
  }
  if (target === indexBeside(file)) return "imports its own folder's index: import the file instead";
  const to = layerOf(target);
  if (to === from || (to !== undefined && layer.may.includes(to))) return undefined;
  return `${from} may not import ${to ?? target}`;
}

/** @param {string} path @returns {string | undefined} */
function layerOf(path) {
  return Object.keys(LAYERS).find((name) => LAYERS[name]?.files.test(path));
}

/** @param {string} target */
function isRelative(target) {
  return /^(gen|src|server|test|scripts|bench)\//.test(target) || target.startsWith("..");
}

/** @param {string} file */
function indexBeside(file) {
  return file.replace(/[^/]+$/, "index.ts");
}

/**
 * Every cycle once, from its first file in alphabetical order.
 *
 * @param {ReadonlyMap<string, readonly string[]>} graph
 * @returns {string[][]}
 */
export function cyclesIn(graph) {
  /** @type {string[][]} */
  const cycles = [];
  /** @type {Set<string>} */
  const done = new Set();
  /** @param {string} file @param {string[]} path */
  const walk = (file, path) => {
    const at = path.indexOf(file);
    if (at !== -1) {
      cycles.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) if (graph.has(next)) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of [...graph.keys()].sort()) walk(file, []);
  return cycles;
}
