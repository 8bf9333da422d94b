import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { BUDGETS, bundledSize } from "../../scripts/checks/size.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("the size of a bundle", () => {
  it.each(BUDGETS)("of $name is at most $budget bytes", async ({ name, budget, code, ...counted }) => {
    const size = await bundledSize(root, code, counted);
    console.log(`${name}: ${size} of ${budget} bytes`);
    expect(size).toBeLessThanOrEqual(budget);
  });

  it("counts what is imported, and nothing when nothing is", async () => {
    expect(await bundledSize(root, "export {};")).toBeLessThan(10);
    expect(await bundledSize(root, `import * as all from "millrace/umadb"; console.log(all);`)).toBeGreaterThan(1_000);
  });
});
