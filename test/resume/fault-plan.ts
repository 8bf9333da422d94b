import type { FaultProxy } from "../support/fault-proxy.js";
import type { Blow, ProxyFault } from "../support/fault-proxy-connection.js";
import { until } from "../gateway/support/grpc-web.js";
import type { Random } from "../support/random-message.js";
import type { Paths } from "./paths.js";

const ENDS: [Blow, ...Blow[]] = ["reset", "fin", "client-fin", "server-fin"];
const HINDERS: [Blow, ...Blow[]] = ["stall", "delay", "hold"];

/**
 * The moments of ten faults, so that none is rare in any hundred. Those of a call's beginning cost a loss besides, which
 * falls where it falls.
 */
const DECK: readonly (ProxyFault["where"] | "hinder")[] = [
  "connecting", "connecting", "request", "request", "awaiting", "awaiting", "mid-frame", "mid-frame", "idle", "hinder",
];

/** A stretch of the way, and what befalls it. */
export interface PlannedFault {
  readonly proxy: keyof Paths["proxies"];
  readonly fault: ProxyFault;
}

/** The faults that a seed gives, without end. */
export function* drawFaults(random: Random): Generator<PlannedFault, never> {
  for (;;) for (const deck = [...DECK]; deck.length > 0; ) yield drawFault(random, deck.splice(random.int(deck.length), 1)[0] ?? "idle");
}

function drawFault(random: Random, moment: (typeof DECK)[number]): PlannedFault {
  const proxy = random.pick<keyof Paths["proxies"]>(["front", "front", "upstream", "native"]);
  const chance = { luck: random.int(1_000) / 1_000, ms: 1 + random.int(30) };
  if (moment === "hinder") return { proxy, fault: { where: random.pick(["idle", "mid-frame"]), how: random.pick(HINDERS), ...chance } };
  // Silence on a session that everybody shares is noticed by PING in 7 s; it has a test of its own.
  const silent = proxy === "front" && random.chance(0.1);
  return { proxy, fault: { where: moment, how: silent ? "silence" : random.pick(ENDS), ...chance } };
}

/** Arms a fault and sees to it that it strikes: for what happens only where a call begins, a stream is lost first. */
export async function strike(proxy: FaultProxy, fault: ProxyFault): Promise<void> {
  proxy.arm(fault);
  const begins = fault.where !== "idle" && fault.where !== "mid-frame";
  await until(`a ${fault.how} at ${fault.where} strikes; connections are ${proxy.phases.join(", ")}`, () => {
    if (proxy.armed && begins) proxy.loseOne(fault.luck);
    return !proxy.armed;
  });
}

/** How many blows fell in each phase; those that lose nothing are counted under their own name. */
export function tally(proxies: readonly FaultProxy[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault: { how }, phase } of proxies.flatMap(({ struck }) => struck)) {
    const name = HINDERS.includes(how) ? how : phase;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
