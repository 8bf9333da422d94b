import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installed, pack, type Packed } from "../support/packed.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Connect is an optional peer: the one subpath that needs it is tried on its own. */
const LIGHT = ["millrace", "millrace/umadb", "millrace/carrier", "millrace/carrier/http2", "millrace/live"];
const SERVER = ["millrace-server", "millrace-server/gateway", "millrace-server/embedded", "millrace-server/embedded/node"];

let packed: Packed;
let user: Installed;

beforeAll(async () => {
  packed = await pack();
  user = await install([packed.millrace.tarball]);
}, 120_000);

afterAll(async () => {
  await user?.close();
  await packed?.close();
});

/** The subpaths that a packed manifest offers, without those that carry no promise. */
function subpathsOf(manifest: Record<string, unknown>): string[] {
  return Object.keys(manifest["exports"] as object)
    .filter((subpath) => subpath !== "./package.json" && !subpath.startsWith("./internal/"))
    .map((subpath) => String(manifest["name"]) + subpath.slice(1));
}

async function typeCheck(project: Installed, source: string, options: object): Promise<string> {
  await writeFile(join(project.folder, "main.ts"), source);
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", types: [], skipLibCheck: false, ...options };
  await writeFile(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  return run(join(repository, "node_modules/.bin/tsc"), ["-p", project.folder], { cwd: project.folder }).then(
    () => "",
    (failure: unknown) => (failure as { stdout: string }).stdout,
  );
}

describe("the packed millrace, installed in an empty project", () => {
  it("brings @bufbuild/protobuf and nothing else", async () => {
    const installed = (await readdir(join(user.folder, "node_modules"))).filter((name) => !name.startsWith("."));
    expect(installed.sort()).toEqual(["@bufbuild", "millrace"]);
    expect(await readdir(join(user.folder, "node_modules/@bufbuild"))).toEqual(["protobuf"]);
  });

  it("offers the subpaths that are tried here", () => {
    expect(subpathsOf(packed.millrace.manifest).sort()).toEqual([...LIGHT, "millrace/connect"].sort());
  });

  it.each(LIGHT)("imports %s by name in Node", async (name) => {
    const names = await user.node(`import * as all from ${JSON.stringify(name)}; console.log(Object.keys(all).length);`);
    expect(Number(names)).toBeGreaterThan(0);
  });

  it("says which package is missing when millrace/connect is imported without Connect", async () => {
    await expect(user.node(`import "millrace/connect";`)).rejects.toThrow(/Cannot find package '@connectrpc\/connect'/);
  });

  it("resolves internals by file name, for the server of the same version", async () => {
    expect(await user.node(`import * as frames from "millrace/internal/wire/frames"; console.log(typeof frames);`)).toBe("object");
    expect(await user.node(`import * as codec from "millrace/internal/gen/static/umadb/v1/umadb"; console.log(typeof codec);`)).toBe("object");
  });

  it("does nothing at import: no output, no timer, no global", async () => {
    const script = `const before = Reflect.ownKeys(globalThis).length;
      ${LIGHT.map((name) => `await import(${JSON.stringify(name)});`).join("\n")}
      const active = process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|Req/.test(kind));
      console.log(JSON.stringify({ added: Reflect.ownKeys(globalThis).length - before, active }));`;
    expect(JSON.parse(await user.node(script))).toEqual({ added: 0, active: [] });
  });

  it.each(["nodenext", "bundler"])("has types that resolve with moduleResolution %s", async (moduleResolution) => {
    const source = LIGHT.map((name, index) => `import * as m${index} from ${JSON.stringify(name)};\nexport const n${index}: object = m${index};`).join("\n");
    const module = moduleResolution === "bundler" ? "esnext" : "nodenext";
    expect(await typeCheck(user, source, { module, moduleResolution, skipLibCheck: true })).toBe("");
  });
});

describe("the packed millrace beside Connect", () => {
  it("imports millrace/connect by name, on one copy of protobuf", async () => {
    const project = await install([packed.millrace.tarball]);
    try {
      await project.link("@connectrpc/connect");
      expect(await project.node(`import * as all from "millrace/connect"; console.log(typeof all.createTransport, typeof all.connectCarrier);`)).toBe("function function");
      const source = `import { createTransport } from "millrace/connect";\nimport type { Transport } from "@connectrpc/connect";\nexport const f: (...a: Parameters<typeof createTransport>) => Transport = createTransport;`;
      expect(await typeCheck(project, source, { module: "nodenext", moduleResolution: "nodenext", skipLibCheck: true })).toBe("");
    } finally {
      await project.close();
    }
  }, 60_000);
});

describe("the packed millrace-server, installed in an empty project", () => {
  it("imports by name and its command answers", async () => {
    const project = await install([packed.millrace.tarball, packed.server.tarball]);
    try {
      expect(subpathsOf(packed.server.manifest).sort()).toEqual([...SERVER].sort());
      for (const name of SERVER) {
        expect(Number(await project.node(`import * as all from ${JSON.stringify(name)}; console.log(Object.keys(all).length);`))).toBeGreaterThan(0);
      }
      const { stdout } = await run(join(project.folder, "node_modules/.bin/millrace"), ["--help"], { cwd: project.folder });
      expect(stdout).toContain("gateway");
    } finally {
      await project.close();
    }
  }, 60_000);
});
