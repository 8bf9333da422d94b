// CPU of the gateway's process while it bridges 200 000 events, against a plain HTTP proxy that moves the same bytes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../lib/gateway.mjs";
import { start } from "../lib/process.mjs";
import { median, spreadOf } from "../lib/statistics.mjs";
import { EVENTS, startFilledStore } from "../lib/store.mjs";

const ROUNDS = 3;

export async function measure() {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const file = join(folder, "body");
  const store = await startFilledStore();
  const gateway = await startGateway(store.url);
  const client = await start("programs/drain.mjs");
  const { bytes } = await client.ask({ url: gateway.url, file });
  const recorded = await start("programs/recorded.mjs", [file]);
  const proxy = await start("programs/plain-proxy.mjs", [String(recorded.ready.port)]);

  const cpuOf = async (bridge, url) => {
    const before = await bridge.cpu();
    const answer = await client.ask({ url });
    const cpu = (await bridge.cpu()) - before;
    if (answer.bytes !== bytes) throw new Error(`${answer.bytes} bytes came instead of ${bytes}`);
    return cpu / EVENTS;
  };
  const ours = [];
  const peer = [];
  // Both are warm before they are measured.
  for (let round = -2; round < ROUNDS; round++) {
    const one = await cpuOf(gateway, gateway.url);
    const other = await cpuOf(proxy, proxy.ready.url);
    if (round < 0) continue;
    ours.push(one);
    peer.push(other);
  }
  for (const program of [client, proxy, recorded, gateway]) await program.stop();
  await store.stop();
  await rm(folder, { recursive: true, force: true });
  return [{
    name: "bridge-cpu",
    shape: `${EVENTS} events, ${(bytes / 1e6).toFixed(1)} MB, against a plain proxy`,
    ours: median(ours),
    peer: median(peer),
    spread: Math.max(spreadOf(ours), spreadOf(peer)),
    unit: "us CPU/event",
  }];
}
