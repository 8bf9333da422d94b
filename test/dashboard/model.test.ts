import { describe, expect, it } from "vitest";
import { readAppendForm, type AppendFormInput } from "../../server/dashboard/model/append-form.js";
import { describe as inWords, everything, formatList, parseList, toQuery } from "../../server/dashboard/model/filter.js";
import { hueOf } from "../../server/dashboard/model/hue.js";
import { formatJson } from "../../server/dashboard/model/json-format.js";
import { asText, formatSize, hexDump, preview } from "../../server/dashboard/model/payload.js";
import { Rate } from "../../server/dashboard/model/rate.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("filter", () => {
  it("reads a list: trimmed, without repeats, commas kept inside double quotes", () => {
    expect(parseList(' OrderPlaced, "a, b" ,,x,  x ')).toEqual(["OrderPlaced", "a, b", "x"]);
  });

  it("writes a list so that it is read back the same", () => {
    const entries = ["plain", "with, comma", " padded ", '"quoted"', '"a, ""b', 'in"side'];
    expect(parseList(formatList(entries))).toEqual(entries);
  });

  it("asks for any of the types with all of the tags", () => {
    expect(toQuery({ types: ["A", "B"], tags: ["x", "y"] })).toEqual({ items: [{ types: ["A", "B"], tags: ["x", "y"] }] });
  });

  it("asks for everything without a query", () => {
    expect(toQuery(everything)).toBeUndefined();
  });

  it("says in words what it shows", () => {
    expect(inWords({ types: ["A", "B"], tags: ["x", "y"] })).toBe("A or B, tagged x and y");
    expect(inWords({ types: [], tags: ["x"] })).toBe("tagged x");
    expect(inWords(everything)).toBe("all events");
  });
});

describe("formatJson()", () => {
  const laidOut = (text: string): string | undefined => formatJson(text)?.map((token) => token.text).join("");

  it("lays JSON out as JSON.stringify does", () => {
    const value = { a: [1, { b: null }, []], c: {}, d: "x\"y{}[],:", e: [true, false], "": -1.5e-3 };
    expect(laidOut(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    expect(laidOut(' [ 1 ,\n2 ] ')).toBe("[\n  1,\n  2\n]");
  });

  it("keeps numbers and repeated keys as they were written", () => {
    expect(laidOut('{"id":9007199254740993,"x":1.50,"x":2}')).toBe('{\n  "id": 9007199254740993,\n  "x": 1.50,\n  "x": 2\n}');
  });

  it("tells keys from strings", () => {
    expect(formatJson('{"k":"v"}')?.filter((token) => token.text.startsWith('"'))).toEqual([
      { kind: "key", text: '"k"' },
      { kind: "string", text: '"v"' },
    ]);
  });

  it("takes strings of any content, and lone values", () => {
    for (const value of ["\\", '"', "\u2028 </script>", "true", "", 7, null, true]) expect(laidOut(JSON.stringify(value))).toBe(JSON.stringify(value));
  });

  it("refuses what is not JSON", () => {
    for (const text of ["", "{", "{'a':1}", "[1,]", "NaN", "01", "{} {}"]) expect(formatJson(text), text).toBeUndefined();
  });
});

describe("payload", () => {
  it("is text only when it is UTF-8", () => {
    expect(asText(bytes("grün 🌊"))).toBe("grün 🌊");
    expect(asText(new Uint8Array([0xc3]))).toBeUndefined();
  });

  it("previews text on one line, also when the cut goes through a character", () => {
    expect(preview(bytes('{\n  "a": 1\n}'))).toBe('{ "a": 1 }');
    expect(preview(bytes(`${"x".repeat(239)}ü`))).toBe("x".repeat(239));
  });

  it("previews binary data in hex", () => {
    expect(preview(new Uint8Array([0, 255, 16]))).toBe("00 ff 10");
    expect(preview(new Uint8Array(30))).toMatch(/^(00 ){24}…$/);
    expect(preview(new Uint8Array(0))).toBe("");
  });

  it("dumps sixteen bytes a line with offset and printable characters", () => {
    expect(hexDump(bytes("Millrace moves it\n")).split("\n")).toEqual([
      "00000000  4d 69 6c 6c 72 61 63 65  20 6d 6f 76 65 73 20 69  Millrace moves i",
      "00000010  74 0a                                             t·",
    ]);
  });

  it("gives sizes in the unit that fits", () => {
    expect([0, 999, 1_000, 4_250, 3_400_000].map(formatSize)).toEqual(["0 B", "999 B", "1.0 kB", "4.3 kB", "3.4 MB"]);
  });
});

describe("Rate", () => {
  it("counts a second at a time and forgets what is too long ago", () => {
    let now = 10_000;
    const rate = new Rate(4, () => now);
    rate.add(3);
    now = 11_500;
    rate.add(1);
    rate.add(1);
    expect(rate.history()).toEqual([0, 0, 3, 2]);
    now = 13_000;
    expect(rate.history()).toEqual([3, 2, 0, 0]);
    now = 99_000;
    expect(rate.history()).toEqual([0, 0, 0, 0]);
  });

  it("takes the mean of full seconds only", () => {
    let now = 0;
    const rate = new Rate(5, () => now);
    rate.add(4);
    now = 1_000;
    rate.add(2);
    now = 2_000;
    rate.add(100);
    expect(rate.mean(2)).toBe(3);
  });
});

describe("hueOf()", () => {
  it("gives a word the same colour every time, and spreads words over all colours", () => {
    expect(hueOf("OrderPlaced")).toBe(hueOf("OrderPlaced"));
    const hues = new Set(Array.from({ length: 200 }, (_, index) => hueOf(`Type${index}`)));
    expect(hues).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
  });
});

describe("readAppendForm()", () => {
  const input = (changes: Partial<AppendFormInput>): AppendFormInput => ({
    type: "OrderPlaced", tags: "", data: "{}", dataKind: "json", conditional: false, conditionTypes: "", conditionTags: "", conditionAfter: "", ...changes,
  });

  it("makes an event of type, tags and data", () => {
    expect(readAppendForm(input({ type: " OrderPlaced ", tags: "order:1, vip", data: '{"a":1}' }))).toEqual({
      event: { type: "OrderPlaced", tags: ["order:1", "vip"], data: bytes('{"a":1}') },
      condition: undefined,
    });
  });

  it("sends text as it was typed", () => {
    expect(readAppendForm(input({ dataKind: "text", data: " not JSON\n" }))).toMatchObject({ event: { data: bytes(" not JSON\n") } });
  });

  it("makes a condition of types, tags and a position", () => {
    const read = readAppendForm(input({ conditional: true, conditionTypes: "A, B", conditionTags: "x", conditionAfter: "9007199254740993" }));
    expect(read).toMatchObject({ condition: { failIfEventsMatch: { items: [{ types: ["A", "B"], tags: ["x"] }] }, after: 9007199254740993n } });
  });

  it("leaves `after` out of the condition when no position is given", () => {
    const read = readAppendForm(input({ conditional: true }));
    expect("condition" in read && read.condition).toEqual({ failIfEventsMatch: { items: [{ types: [], tags: [] }] } });
  });

  it("names every field that is wrong", () => {
    const read = readAppendForm(input({ type: " ", data: "{", conditional: true, conditionAfter: "-1" }));
    expect(read).toEqual({ problems: { type: expect.any(String), data: expect.any(String), conditionAfter: expect.any(String) } });
  });

  it("overlooks a wrong position while the condition is off", () => {
    expect(readAppendForm(input({ conditionAfter: "soon" }))).not.toHaveProperty("problems");
  });
});
