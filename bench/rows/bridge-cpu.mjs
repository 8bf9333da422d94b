// CPU of the gateway's process while it bridges a long read, against a plain HTTP proxy that moves the same bytes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { interleaved } from "../lib/rounds.mjs";
import { rowOf } from "../lib/row.mjs";
import { startFilledStore } from "../lib/store.mjs";

export async function bridgeCpu({ events, rounds }) {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const file = join(folder, "body");
  const store = await startFilledStore(events);
  const gateway = await startGateway(["--umadb", store.url]);
  const client = await start("programs/drain.mjs");
  const { bytes } = await client.ask({ url: gateway.url, file });
  const recorded = await start("programs/recorded.mjs", [file]);
  const proxy = await start("programs/plain-proxy.mjs", [String(recorded.ready.port)]);

  const cpuOf = (bridge, url) => async () => {
    const before = await bridge.cpu();
    const answer = await client.ask({ url });
    const cpu = (await bridge.cpu()) - before;
    if (answer.bytes !== bytes) throw new Error(`${answer.bytes} bytes came instead of ${bytes}`);
    return { cpu: cpu / events };
  };
  const { ours, peer } = await interleaved({ ours: cpuOf(gateway, gateway.url), peer: cpuOf(proxy, proxy.ready.url) }, rounds, ({ cpu }) => cpu);
  for (const program of [client, proxy, recorded, gateway]) await program.stop();
  await store.stop();
  await rm(folder, { recursive: true, force: true });
  return [rowOf({ name: "bridge-cpu", shape: `CPU of the gateway, ${(bytes / 1e6).toFixed(0)} MB from a real UmaDB, against a plain proxy`, ours, peer, unit: "us CPU/event" })];
}
