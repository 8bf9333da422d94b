// A million events in a page: whether memory stays flat, and the longest time that the page could not do anything else.
import { openContestant, peakMemory, startChromium } from "../lib/chromium.mjs";
import { rowOf } from "../lib/row.mjs";
import { startSource } from "../lib/source.mjs";

const TIMES = 5;
const MOST_ROUNDS = 3;

export async function million({ events, rounds }) {
  const short = await startSource("batch", events);
  const long = await startSource("batch", events, TIMES);
  const outcomes = { short: [], long: [], connect: [] };
  let runtime;
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
    for (const [who, module, source] of [["short", "millrace-fetch", short], ["long", "millrace-fetch", long], ["connect", "connect-web", long]]) {
      const chromium = await startChromium();
      ({ runtime } = chromium);
      outcomes[who].push(await oneRead(chromium, module, source.web));
      await chromium.stop();
    }
  }
  await short.stop();
  await long.stop();
  const of = (who, what) => outcomes[who].map((outcome) => outcome[what]);
  const total = `${(events * TIMES).toLocaleString("en")} events`;
  const row = (shape, ours, peer, unit) => rowOf({ name: "million", shape: `${total} in a page, ${shape}`, ours, peer, unit, runtime });
  return [
    row(`the most memory, against a fifth of them`, of("long", "peakMb"), of("short", "peakMb"), "MB"),
    row("the most memory, against connect-web", of("long", "peakMb"), of("connect", "peakMb"), "MB"),
    row("the longest task (0: none above 50 ms), against connect-web", of("long", "longestTaskMs"), of("connect", "longestTaskMs"), "ms"),
  ];
}

async function oneRead(chromium, module, url) {
  const contestant = await openContestant(chromium, module, url, "batch");
  await contestant.page.evaluate(() => {
    globalThis.tasks = [];
    globalThis.observer = new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map(({ duration }) => duration)));
    globalThis.observer.observe({ type: "longtask" });
  });
  const peak = await peakMemory(chromium, () => contestant.ask({ fields: "data", full: false }));
  const tasks = await contestant.page.evaluate(() => [...globalThis.tasks, ...globalThis.observer.takeRecords().map(({ duration }) => duration)]);
  return { peakMb: peak / 1e6, longestTaskMs: Math.max(0, ...tasks) };
}
