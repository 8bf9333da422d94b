import type { JsonFormat } from "./options.js";

/** Strings, so that digits in them are passed over, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

const INTEGER = /^-?\d+$/;

/** PostgreSQL stores no U+0000, so no string that comes from there begins with this. */
const MARK = "\u0000";

/**
 * JSON whose integers past 2^53 are `bigint`, both ways, so that none is rounded; all else is as with `JSON`. Give it
 * to a client as `json`. A `bigint` is written as a number, whatever its size, and small ones read back as `number`.
 */
export const exactJson: JsonFormat = {
  parse(text) {
    const marked = text.replace(TOKENS, (token) => (INTEGER.test(token) && !Number.isSafeInteger(Number(token)) ? `"\\u0000${token}"` : token));
    if (marked === text) return JSON.parse(text);
    return JSON.parse(marked, (_key, value: unknown) => (typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(1)) : value));
  },
  stringify(value) {
    let found = false;
    const text = JSON.stringify(value, (_key, item: unknown) => {
      if (typeof item === "string" && item.startsWith(MARK)) return `${MARK}${item}`;
      if (typeof item !== "bigint") return item;
      found = true;
      return `${MARK}${item}`;
    }) as string | undefined;
    return found ? text?.replace(/"\\u0000(-?\d+)"/g, "$1") : text;
  },
};
