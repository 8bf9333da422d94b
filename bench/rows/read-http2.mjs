// Reading over native gRPC in Node: ours against the peers that Node programs use, and against our own fetch.
import { startContestant } from "../lib/contestant.mjs";
import { byClock, interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds, speedUnit } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

/**
 * @param {string} module The peer, below contestants/.
 * @param {string} title How the table calls it.
 * @param {"batch" | "single"} shape
 */
export const readHttp2 = (module, title, shape) => async ({ events, ...settings }) => {
  const source = await startSource(shape, events);
  const ours = await startContestant("millrace-http2", source.native, shape);
  const peer = await startContestant(module, source.native, shape);
  const times = await interleaved({ ours: (full) => ours.ask({ fields: "data", full }), peer: (full) => peer.ask({ fields: "data", full }) }, settings.rounds, byClock(settings));
  for (const program of [ours, peer, source]) await program.stop();
  return [rowOf({
    name: `http2-${module}-${shape}`,
    shape: `${shape}: data and position over HTTP/2, against ${title}`,
    ours: speeds(times.ours, events),
    peer: speeds(times.peer, events),
    unit: speedUnit(settings),
  })];
};

/** @param {"batch" | "single"} shape */
export const http2AgainstFetch = (shape) => async ({ events, ...settings }) => {
  const source = await startSource(shape, events);
  const native = await startContestant("millrace-http2", source.native, shape);
  const web = await startContestant("millrace-fetch", source.web, shape);
  const times = await interleaved({ native: (full) => native.ask({ fields: "data", full }), web: (full) => web.ask({ fields: "data", full }) }, settings.rounds, byClock(settings));
  for (const program of [native, web, source]) await program.stop();
  return [rowOf({ name: `http2-fetch-${shape}`, shape: `${shape}: data and position, our HTTP/2 against our fetch`, ours: speeds(times.native, events), peer: speeds(times.web, events), unit: speedUnit(settings) })];
};
