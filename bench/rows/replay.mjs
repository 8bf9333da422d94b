// KubeMQ's stored events: a page that replays a channel through the gateway, against grpc-js at the broker itself.
import { startContestant } from "../lib/contestant.mjs";
import { startGateway } from "../lib/gateway.mjs";
import { interleaved } from "../lib/rounds.mjs";
import { rowOf, speeds } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

/** A channel holds half as many as a read has. */
export async function replay({ events, rounds }) {
  const count = Math.ceil(events / 2);
  const source = await startSource("stored", count);
  const gateway = await startGateway(["--kubemq", source.native]);
  const ours = await startContestant("millrace-fetch", gateway.url, "stored");
  const peer = await startContestant("grpc-js-google", source.native, "stored");
  const times = await interleaved({ ours: (full) => ours.ask({ fields: "all", full }), peer: (full) => peer.ask({ fields: "all", full }) }, rounds);
  for (const program of [ours, peer, gateway, source]) await program.stop();
  return [rowOf({ name: "replay", shape: "stored: every field through the gateway, against grpc-js with google-protobuf directly", ours: speeds(times.ours, count), peer: speeds(times.peer, count), unit: "kev/s" })];
}
