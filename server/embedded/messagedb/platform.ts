/** Node's modules where there are some, without an import that a page could not resolve. */
export interface NodeModules {
  readonly fs: typeof import("node:fs/promises");
  readonly os: typeof import("node:os");
  readonly path: typeof import("node:path");
  readonly module: typeof import("node:module");
  readonly process: NodeJS.Process;
}

/** Node's modules in Node, Deno and Bun; `undefined` in a page or a Worker. */
export function nodeModules(): NodeModules | undefined {
  const { process } = globalThis as { process?: NodeJS.Process };
  // A page's bundler may have put something called process there.
  if (typeof process?.getBuiltinModule !== "function" || process.versions?.node === undefined) return undefined;
  const fs = process.getBuiltinModule("node:fs/promises");
  const module = process.getBuiltinModule("node:module");
  return fs === undefined || module === undefined
    ? undefined
    : { fs, module, os: process.getBuiltinModule("node:os"), path: process.getBuiltinModule("node:path"), process };
}
