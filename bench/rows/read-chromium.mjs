// Reading in a real page: ours against connect-web with protobuf-es, and the official grpc-web with google-protobuf.
import { openContestant, startChromium } from "../lib/chromium.mjs";
import { byClock, interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds, speedUnit } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

/**
 * @param {"batch" | "single"} shape
 * @param {"data" | "all"} fields
 */
export const readChromium = (shape, fields) => (settings) => compare("connect-web", "connect-web", shape, fields, settings);

/** @param {"batch" | "single"} shape */
export const againstGrpcWeb = (shape) => (settings) => compare("grpc-web", "grpc-web", shape, "data", settings);

async function compare(module, title, shape, fields, { events, ...settings }) {
  const source = await startSource(shape, events);
  const chromium = await startChromium();
  const pages = { ours: await openContestant(chromium, "millrace-fetch", source.web, shape), peer: await openContestant(chromium, module, source.web, shape) };
  const times = await interleaved({ ours: (full) => pages.ours.ask({ fields, full }), peer: (full) => pages.peer.ask({ fields, full }) }, settings.rounds, byClock(settings));
  await chromium.stop();
  await source.stop();
  return [rowOf({
    name: `chromium-${module === "grpc-web" ? "grpc-web-" : ""}${shape}${fields === "all" ? "-all" : ""}`,
    shape: `${shape}: ${fields === "all" ? "every field" : "data and position"}, against ${title}`,
    runtime: chromium.runtime,
    ours: speeds(times.ours, events),
    peer: speeds(times.peer, events),
    unit: speedUnit(settings),
  })];
}
