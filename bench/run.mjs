#!/usr/bin/env node
// Measures us against our peers, all in the same run, and prints one table, in Markdown.
//
//   npm run bench -- [--only NAME]… [--json FILE] [--chart FILE] [--rounds N] [--events N] [--clock wall|cpu]
//
// A row: { name, shape, runtime, ours, peer, ratio, spread, unit }. `ours` and `peer` are medians of the rounds, `ratio` is
// ours / peer, `spread` how far the rounds lie apart: (max - min) / median, the wider one of both. Where there is no peer,
// it and the ratio are null. `--clock cpu` compares readers by the processor time that they took, for a busy machine.
// Needs `npm run build` and `npm run setup:test`; the peers are installed below bench/.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chartOf } from "./lib/chart.mjs";
import { setUpPeers } from "./lib/peers.mjs";
import { DEFAULTS } from "./lib/settings.mjs";
import { tableOf } from "./lib/table.mjs";
import { ROWS } from "./rows/index.mjs";

const { names, settings, json, chart } = parsed();
if (names.some((name) => ROWS[name].peers)) setUpPeers();
const rows = [];
const failed = [];
for (const name of names) {
  const started = performance.now();
  try {
    const measure = await ROWS[name].measure();
    rows.push(...(await measure(settings)));
  } catch (error) {
    failed.push(name);
    console.error(error);
  }
  console.error(`bench: ${name} in ${((performance.now() - started) / 1_000).toFixed(0)} s`);
}
console.log(tableOf(rows));
if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`);
if (chart !== undefined) writeFileSync(chart, chartOf(rows));
if (failed.length > 0) fail(`not measured: ${failed.join(", ")}`, 1);

function parsed() {
  const values = given();
  const unknown = values.only?.find((name) => !(name in ROWS));
  if (unknown !== undefined) fail(`there is no row ${JSON.stringify(unknown)}; there are: ${Object.keys(ROWS).join(", ")}`);
  const { only = Object.keys(ROWS), json, chart, clock = DEFAULTS.clock } = values;
  if (clock !== "wall" && clock !== "cpu") fail(`--clock takes wall or cpu, not ${JSON.stringify(clock)}`);
  return { names: only, json, chart, settings: { rounds: count("rounds", values.rounds), events: count("events", values.events), clock } };
}

function given() {
  const text = { type: "string" };
  try {
    return parseArgs({ options: { only: { type: "string", multiple: true }, json: text, chart: text, rounds: text, events: text, clock: text } }).values;
  } catch (error) {
    return fail(error.message);
  }
}

function count(option, value) {
  if (value === undefined) return DEFAULTS[option];
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) fail(`--${option} takes a whole number from 1, not ${JSON.stringify(value)}`);
  return number;
}

/** Also ends what a row that failed has left running. */
function fail(problem, code = 2) {
  console.error(problem);
  process.exit(code);
}
