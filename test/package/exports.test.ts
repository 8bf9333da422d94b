import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, type Installed, pack, type Packed } from "../support/packed.js";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** What needs no types but those that a page and Node both have. */
const PLATFORM = ["millrace", "millrace/umadb", "millrace/eventstoredb", "millrace/kubemq", "millrace/messagedb", "millrace/carrier", "millrace/live"];
/** What needs an optional peer is tried on its own, beside it. */
const WITH_PEERS = ["millrace/connect", "millrace/messagedb/direct"];
const LIGHT = [...PLATFORM, "millrace/carrier/http2", "millrace/eventstoredb/http2"];
const SERVER = ["millrace-server", "millrace-server/gateway", "millrace-server/gateway/edge", "millrace-server/embedded", "millrace-server/embedded/node"];
/** How a user's compiler may find modules. */
const RESOLUTIONS = [
  { moduleResolution: "nodenext", module: "nodenext" },
  { moduleResolution: "bundler", module: "esnext" },
];
/** A page's globals, which are Node's too but for the DOM, and `AsyncDisposable`. */
const LIB = ["es2022", "esnext.disposable", "dom", "dom.iterable"];

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

/** Checks strictly, the packages' declarations themselves too, and answers the compiler's complaints. */
async function typeCheck(project: Installed, source: string, options: object): Promise<string> {
  await writeFile(join(project.folder, "main.ts"), source);
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: "es2022", lib: LIB, types: [], skipLibCheck: false, ...options };
  await writeFile(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  return run(join(repository, "node_modules/.bin/tsc"), ["-p", project.folder], { cwd: project.folder }).then(
    () => "",
    (failure: unknown) => (failure as { stdout: string }).stdout,
  );
}

/** A module that imports everything of the entry points and uses it as a value. */
function importing(names: readonly string[]): string {
  return names.map((name, index) => `import * as m${index} from ${JSON.stringify(name)};\nexport const n${index}: object = m${index};`).join("\n");
}

describe("the packed millrace, installed in an empty project", () => {
  it("brings @bufbuild/protobuf and nothing else", async () => {
    const installed = (await readdir(join(user.folder, "node_modules"))).filter((name) => !name.startsWith("."));
    expect(installed.sort()).toEqual(["@bufbuild", "millrace"]);
    expect(await readdir(join(user.folder, "node_modules/@bufbuild"))).toEqual(["protobuf"]);
  });

  it("offers the subpaths that are tried here", () => {
    expect(subpathsOf(packed.millrace.manifest).sort()).toEqual([...LIGHT, ...WITH_PEERS].sort());
  });

  it.each(LIGHT)("imports %s by name in Node", async (name) => {
    const names = await user.node(`import * as all from ${JSON.stringify(name)}; console.log(Object.keys(all).length);`);
    expect(Number(names)).toBeGreaterThan(0);
  });

  it.each([
    ["millrace/connect", "@connectrpc/connect"],
    ["millrace/messagedb/direct", "postgres"],
  ])("says which package is missing when %s is imported without %s", async (name, peer) => {
    await expect(user.node(`import ${JSON.stringify(name)};`)).rejects.toThrow(`Cannot find package '${peer}'`);
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

  it.each(RESOLUTIONS)("has declarations that pass a strict compiler with moduleResolution $moduleResolution", async (resolution) => {
    expect(await typeCheck(user, importing(PLATFORM), resolution)).toBe("");
  });

  it.each(RESOLUTIONS)("a declaration that is wrong does not pass with moduleResolution $moduleResolution", async (resolution) => {
    const file = join(user.folder, "node_modules/millrace/dist/src/core/errors.d.ts");
    const declarations = await readFile(file, "utf8");
    try {
      await writeFile(file, `${declarations}export declare const wrong: Missing;\n`);
      expect(await typeCheck(user, importing(PLATFORM), resolution)).toContain("'Missing'");
    } finally {
      await writeFile(file, declarations);
    }
  });
});

describe("the packed millrace beside postgres.js", () => {
  let project: Installed;

  beforeAll(async () => {
    project = await install([packed.millrace.tarball]);
    await project.link("postgres");
    await project.link("@types/node");
  }, 60_000);

  afterAll(() => project?.close());

  it("imports millrace/messagedb/direct by name, which then does nothing until it is used", async () => {
    const script = `const { MessageDbDirect } = await import("millrace/messagedb/direct");
      const db = new MessageDbDirect({ url: "postgres://message_store@127.0.0.1:1/message_store" });
      console.log(process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|Req/.test(kind)).length, typeof db.write);`;
    expect(await project.node(script)).toBe("0 function");
  });

  it.each(RESOLUTIONS)("has declarations that need no other types, checked strictly with moduleResolution $moduleResolution", async (resolution) => {
    expect(await typeCheck(project, importing(["millrace/messagedb/direct"]), resolution)).toBe("");
  });

  it.each(RESOLUTIONS)("takes an instance of postgres.js, whatever types it was given, with moduleResolution $moduleResolution", async (resolution) => {
    const source = `import postgres from "postgres";
      import { MessageDbDirect } from "millrace/messagedb/direct";
      export const plain = new MessageDbDirect({ sql: postgres() });
      export const typed = new MessageDbDirect({ sql: postgres({ types: { bigint: postgres.BigInt } }) });`;
    expect(await typeCheck(project, source, { ...resolution, types: ["node"], skipLibCheck: true })).toBe("");
  });
});

describe("the packed millrace beside Connect and Node's types", () => {
  let project: Installed;

  beforeAll(async () => {
    project = await install([packed.millrace.tarball]);
    await project.link("@connectrpc/connect");
    await project.link("@types/node");
  }, 60_000);

  afterAll(() => project?.close());

  it("imports millrace/connect by name, on one copy of protobuf", async () => {
    expect(await project.node(`import * as all from "millrace/connect"; console.log(typeof all.createTransport, typeof all.connectCarrier);`)).toBe("function function");
  });

  it.each(RESOLUTIONS)("has declarations that fit Connect's, checked strictly with moduleResolution $moduleResolution", async (resolution) => {
    const source = `import { createTransport } from "millrace/connect";
      import type { Transport } from "@connectrpc/connect";
      export const make: (...given: Parameters<typeof createTransport>) => Transport = createTransport;`;
    expect(await typeCheck(project, source, resolution)).toBe("");
  });

  it.each(RESOLUTIONS)("needs Node's types for millrace/carrier/http2, and there only, with moduleResolution $moduleResolution", async (resolution) => {
    expect(await typeCheck(project, importing(LIGHT), resolution)).toContain("node:http2");
    expect(await typeCheck(project, importing(LIGHT), { ...resolution, types: ["node"] })).toBe("");
  });
});

describe("the packed millrace-server, installed in an empty project", () => {
  let project: Installed;

  beforeAll(async () => {
    project = await install([packed.millrace.tarball, packed.server.tarball]);
    // Its listeners are Node's own types; a user of TypeScript in Node has these.
    await project.link("@types/node");
  }, 60_000);

  afterAll(() => project?.close());

  it("offers the subpaths that are tried here", () => {
    expect(subpathsOf(packed.server.manifest).sort()).toEqual([...SERVER].sort());
  });

  it.each(SERVER)("imports %s by name", async (name) => {
    expect(Number(await project.node(`import * as all from ${JSON.stringify(name)}; console.log(Object.keys(all).length);`))).toBeGreaterThan(0);
  });

  it("keeps events in memory for a client of the same process, and for one that connects", async () => {
    const script = `import { http2Carrier } from "millrace/carrier/http2";
      import { UmaDb } from "millrace/umadb";
      import { startEmbedded } from "millrace-server/embedded";
      import { listenEmbedded } from "millrace-server/embedded/node";
      const inside = await startEmbedded();
      const listening = await listenEmbedded({ listen: "127.0.0.1:0" });
      const carriers = [inside.carrier, http2Carrier({ url: listening.url })];
      const positions = await Promise.all(carriers.map((carrier) => new UmaDb({ carrier }).append([{ type: "Opened", data: new Uint8Array(0) }])));
      for (const each of [...carriers, inside, listening]) await each.close();
      console.log(positions.join(" "));`;
    expect(await project.node(script)).toBe("1 1");
  });

  it.each(RESOLUTIONS)("has declarations that pass a strict compiler with moduleResolution $moduleResolution", async (resolution) => {
    expect(await typeCheck(project, importing(SERVER), { ...resolution, types: ["node"] })).toBe("");
  });

  it("has a command that answers", async () => {
    const { stdout } = await run(join(project.folder, "node_modules/.bin/millrace"), ["--help"], { cwd: project.folder });
    expect(stdout).toContain("gateway");
  });
});
