import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const module = fileURLToPath(new URL("../../server/dist/cli/small-nursery.js", import.meta.url));

/** Makes objects that stay for a while, of which a nursery grows; prints how large it is then, in bytes. */
const GROWING = `
import { getHeapSpaceStatistics } from "node:v8";
const kept = [];
for (let n = 0; n < 2_000_000; n++) kept[n % 200_000] = { n };
console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size);
`;

function nurseryOf(before: string): number {
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", before + GROWING], { encoding: "utf8" }));
}

describe("keepNurserySmall()", () => {
  it("keeps V8's young generation below 4 MiB, which grows beyond that without it", () => {
    expect(nurseryOf(`import { keepNurserySmall } from ${JSON.stringify(module)}; keepNurserySmall();`)).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(nurseryOf("")).toBeGreaterThan(4 * 2 ** 20);
  });
});
