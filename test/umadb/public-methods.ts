import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../../dist/src/umadb/", import.meta.url));

/** What users can call, by the declarations that the package ships: methods of `UmaDb`, and functions by their name. */
export function publicMethods(): string[] {
  const client = declarations("client.d.ts");
  const body = /export declare class UmaDb[^{]*\{([^]*)\n\}/.exec(client)?.[1] ?? "";
  const methods = [...body.matchAll(/^ {4}(\w+)(?:<[^(]*>)?\(/gm)].map(([, name]) => name as string).filter((name) => name !== "constructor");
  const functions = [...declarations("index.d.ts").matchAll(/export \{([^}]*)\}/g)]
    .flatMap(([, names]) => (names as string).split(",").map((name) => name.trim()))
    .filter((name) => /^[a-z]/.test(name));
  if (methods.length < 3 || functions.length === 0) throw new Error("The declarations were not understood");
  return [...methods, ...functions].sort();
}

function declarations(name: string): string {
  if (!existsSync(DIST + name)) throw new Error(`No ${DIST}${name}: run \`npm run build\``);
  return readFileSync(DIST + name, "utf8");
}
