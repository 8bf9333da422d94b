import { describe, expect, it } from "vitest";
import { blocksIn } from "../support/documents.js";

describe("blocksIn()", () => {
  it("finds blocks with their language, place and text, also in lists", () => {
    const text = ["# a", "```ts", "const b = 1;", "```", "- c", "  ```sh no-run", "  d", "    e", "  ```"].join("\n");
    expect(blocksIn("x.md", text)).toEqual([
      { file: "x.md", line: 2, language: "ts", info: "", code: "const b = 1;" },
      { file: "x.md", line: 6, language: "sh", info: "no-run", code: "d\n  e" },
    ]);
  });

  it("refuses a block that is never closed", () => {
    expect(() => blocksIn("x.md", "```ts\nconst b = 1;\n")).toThrow("x.md:1");
  });
});
