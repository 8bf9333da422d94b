import { describe, expect, it } from "vitest";
import { OccasionalWarnings } from "../../server/gateway/occasional-warnings.js";

describe("OccasionalWarnings", () => {
  it("writes one line a second of each kind, and how many it left out", () => {
    let nowMs = 0;
    const lines: [object, string][] = [];
    const warnings = new OccasionalWarnings({ info: () => undefined, warn: (fields, text) => void lines.push([fields, text]) }, () => nowMs);
    for (let n = 0; n < 1_000; n++) warnings.warn("host", { n }, "no");
    warnings.warn("origin", {}, "no");
    nowMs = 999;
    warnings.warn("host", { n: "early" }, "no");
    nowMs = 1_000;
    warnings.warn("host", { n: "later" }, "no");
    nowMs = 5_000;
    warnings.warn("host", { n: "alone" }, "no");
    expect(lines).toEqual([[{ n: 0 }, "no"], [{}, "no"], [{ n: "later", omitted: 1_000 }, "no"], [{ n: "alone" }, "no"]]);
  });
});
