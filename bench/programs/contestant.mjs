// One contestant in a Node process of its own: node contestant.mjs MODULE URL SHAPE
import { Checksum } from "../lib/checksum.mjs";
import { serveQuestions } from "../lib/process.mjs";

const [module, url, shape] = process.argv.slice(2);
const { open } = await import(`../contestants/${module}.mjs`);
const read = open(url, shape);

serveQuestions(async ({ fields, full }) => {
  const sum = new Checksum(full);
  const started = performance.now();
  const before = process.cpuUsage();
  const bytes = await read(fields, sum);
  const { user, system } = process.cpuUsage(before);
  // Who only counts bytes has no events to compare.
  return { ms: performance.now() - started, cpuMs: (user + system) / 1_000, checksum: bytes === undefined ? String(sum) : undefined };
});
