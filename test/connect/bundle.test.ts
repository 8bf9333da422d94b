import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files of ours that a page with this code bundles, without those that leave no byte. */
async function bundled(code: string): Promise<{ files: string[] }> {
  const { metafile } = await build({
    stdin: { contents: code, resolveDir: root, loader: "ts" },
    bundle: true, write: false, metafile: true, minify: true, format: "esm", platform: "browser",
  });
  const [output] = Object.values(metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { files: inputs.map(([file]) => file).filter((file) => !file.includes("node_modules")) };
}

const from = `"./src/connect/index.ts"`;

describe("millrace/connect in a page", () => {
  it("brings no service that is not asked for", async () => {
    const { files } = await bundled(`import { connectCarrier, createTransport } from ${from}; globalThis.x = [connectCarrier, createTransport];`);
    expect(files).toContain("src/connect/transport.ts");
    expect(files.filter((file) => file.startsWith("gen/"))).toEqual(["gen/es/google/rpc/status_pb.ts"]);
  });

  it("brings the one that is", async () => {
    const { files } = await bundled(`import { DCB } from ${from}; globalThis.x = DCB;`);
    expect(files).toEqual(["gen/es/umadb/v1/umadb_pb.ts", "<stdin>"]);
  });

  it("costs nothing when nothing of it is used", async () => {
    const { files } = await bundled(`import * as all from ${from}; globalThis.x = 1;`);
    expect(files).toEqual(["<stdin>"]);
  });
});

describe("the echo service of the tests", () => {
  it("is what its .proto says", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-echo-"));
    try {
      const own = "test/support/proto";
      await promisify(execFile)("node_modules/.bin/buf", ["generate", own, "--template", `${own}/buf.gen.yaml`, "--output", folder], { cwd: root });
      expect(await readFile(join(root, own, "echo_pb.ts"), "utf8")).toBe(await readFile(join(folder, "echo_pb.ts"), "utf8"));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
