import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { Checksum } from "../../bench/lib/checksum.mjs";
import { startContestant } from "../../bench/lib/contestant.mjs";
import { interleaved } from "../../bench/lib/rounds.mjs";
import { rowOf } from "../../bench/lib/row.mjs";
import { startSource } from "../../bench/lib/source.mjs";

const command = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));
const bench = (...args: string[]): Promise<{ stdout: string; stderr: string }> => promisify(execFile)(process.execPath, [command, ...args]);

describe("interleaved()", () => {
  it("keeps the measured rounds only, after two that warm up, the first of them compared in full", async () => {
    const asked: boolean[] = [];
    const kept = await interleaved({ one: async (full) => ({ ms: asked.push(full), checksum: "same" }) }, 3);
    expect(asked).toEqual([true, false, false, false, false]);
    expect(kept).toEqual({ one: [3, 4, 5] });
  });

  it("runs the contestants in turn, another one first in each round", async () => {
    const order: string[] = [];
    const who = (name: string) => async () => ({ ms: order.push(name) });
    await interleaved({ a: who("a"), b: who("b") }, 1);
    expect(order.join("")).toBe("abbaab");
  });

  it("rejects when two contestants did not read the same, and says what each has", async () => {
    const contestants = { ours: async () => ({ ms: 1, checksum: "3 events" }), raw: async () => ({ ms: 1 }), peer: async () => ({ ms: 1, checksum: "2 events" }) };
    await expect(interleaved(contestants, 1)).rejects.toThrow("Not the same was read: ours has 3 events; peer has 2 events");
  });

  it("rejects when a contestant read nothing", async () => {
    const contestants = { ours: async () => ({ ms: 1, checksum: String(new Checksum(true)) }), peer: async () => ({ ms: 9, checksum: "5 events" }) };
    await expect(interleaved(contestants, 1)).rejects.toThrow("ours has 0 events");
  });

  it("rejects when two real responses differ in their random data alone", async () => {
    const sources = [await startSource("batch", 20), await startSource("batch", 20)];
    const programs = await Promise.all(sources.map(({ web }) => startContestant("millrace-fetch", web, "batch")));
    const [one, other] = programs.map((program) => (full: boolean) => program.ask({ fields: "data", full }));
    try {
      await expect(interleaved({ one: one!, other: other! }, 1)).rejects.toThrow(/20 events, numbers 210, .*20 events, numbers 210, /);
      await expect(interleaved({ one: one!, again: one! }, 1)).resolves.toHaveProperty("again");
    } finally {
      for (const program of [...programs, ...sources]) await program.stop();
    }
  }, 30_000);
});

describe("Checksum", () => {
  const sumOf = (bytes: number[], text: string): string => {
    const sum = new Checksum(true);
    sum.event(7, new Uint8Array(bytes));
    sum.string(text);
    return String(sum);
  };

  it("in full notices a byte, a character and an order that changed", () => {
    const sums = [sumOf([1, 2, 3], "abc"), sumOf([1, 9, 3], "abc"), sumOf([1, 2, 3], "axc"), sumOf([2, 1, 3], "abc")];
    expect(new Set(sums).size).toBe(4);
    expect(sumOf([1, 2, 3], "abc")).toBe(sums[0]);
  });
});

describe("rowOf()", () => {
  it("compares medians, and gives the wider spread of both", () => {
    expect(rowOf({ name: "a", shape: "b", ours: [10, 40, 20], peer: [8, 10, 12], unit: "ms" })).toMatchObject({ ours: 20, peer: 10, ratio: 2, spread: 1.5 });
  });

  it("has no ratio where there is no peer", () => {
    expect(rowOf({ name: "a", shape: "b", ours: [3], unit: "KiB" })).toMatchObject({ ours: 3, peer: null, ratio: null, spread: 0 });
  });
});

describe("npm run bench", () => {
  it("measures a row by itself, prints a table, and writes JSON and a chart", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
    const [json, chart] = [join(folder, "rows.json"), join(folder, "chart.svg")];
    try {
      const { stdout } = await bench("--only", "http2-fetch-batch", "--events", "200", "--rounds", "1", "--json", json, "--chart", chart);
      const rows = JSON.parse(await readFile(json, "utf8")) as Record<string, unknown>[];
      expect(rows.map((row) => Object.keys(row))).toEqual([["name", "shape", "runtime", "ours", "peer", "ratio", "spread", "unit"]]);
      expect(rows[0]).toMatchObject({ name: "http2-fetch-batch", runtime: `node ${process.versions.node}`, unit: "kev/s" });
      expect(stdout).toMatch(/^\| name .*\n\| -+ .*\n\| http2-fetch-batch \|[^\n]*\n$/);
      expect(rows[0]!["ours"]).toBeGreaterThan(0);
      expect(await readFile(chart, "utf8")).toContain("our HTTP/2 against our fetch");
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 30_000);

  it("ends with 2 for a row that does not exist, and names those that do", async () => {
    await expect(bench("--only", "nothing")).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/no row "nothing".*read-batch, .*bundle-size/) });
  }, 30_000);

  it("compares readers by processor time when told to", async () => {
    const { stdout } = await bench("--only", "http2-fetch-batch", "--events", "200", "--rounds", "1", "--clock", "cpu");
    expect(stdout).toContain("kev/CPU s");
    await expect(bench("--clock", "sun")).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--clock takes wall or cpu") });
  }, 30_000);

  it("ends with 2 for a number of rounds that is none", async () => {
    await expect(bench("--rounds", "0")).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--rounds takes a whole number from 1") });
  }, 30_000);
});
