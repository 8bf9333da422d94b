import { randomUuid } from "../core/uuid.js";
import { list, name, record, wrong } from "./check.js";

/** Who may do what with a stream: names of users and groups, `$all` for everybody. What is left out is as by default. */
export interface StreamAcl {
  /** Read its events. */
  readonly read?: readonly string[] | undefined;
  /** Append to it. */
  readonly write?: readonly string[] | undefined;
  /** Delete it. */
  readonly delete?: readonly string[] | undefined;
  /** Read its metadata. */
  readonly metaRead?: readonly string[] | undefined;
  /** Write its metadata. */
  readonly metaWrite?: readonly string[] | undefined;
}

/** A stream's metadata. Numbers are bigints: the server writes some that a JavaScript number cannot hold. */
export interface StreamMetadata {
  /** Seconds for which an event can be read. */
  readonly maxAge?: bigint | undefined;
  /** How many events, the last ones, can be read. */
  readonly maxCount?: bigint | undefined;
  /** Events before this revision cannot be read; 2^63 - 1 on a stream that was deleted. */
  readonly truncateBefore?: bigint | undefined;
  /** Seconds for which the server's HTTP answers may be cached. */
  readonly cacheControl?: bigint | undefined;
  /** Who may do what. */
  readonly acl?: StreamAcl | undefined;
  /** Everything else, the writer's own; integers of more than 15 digits are bigints, both ways. */
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

/** What a stream's metadata is, and at which revision. */
export interface MetadataResult {
  /** Empty when none was ever set, and where what is stored is no JSON object, as for the server. */
  readonly metadata: StreamMetadata;
  /** What the next `setStreamMetadata` may expect; `undefined` when none was ever set. */
  readonly revision: bigint | undefined;
}

const NUMBERS = { maxAge: "$maxAge", maxCount: "$maxCount", truncateBefore: "$tb", cacheControl: "$cacheControl" } as const;
const RIGHTS = { read: "$r", write: "$w", delete: "$d", metaRead: "$mr", metaWrite: "$mw" } as const;

/** Checks metadata and writes it as the server reads it. */
export function encodeMetadata(metadata: StreamMetadata): Uint8Array {
  const given = record(metadata, "metadata", [...namesOf(NUMBERS), "acl", "custom"]);
  const stored: Record<string, unknown> = { ...(given.custom === undefined ? {} : customOf(given.custom)) };
  for (const key of namesOf(NUMBERS)) {
    const value = given[key];
    if (value === undefined) continue;
    const least = key === "truncateBefore" ? 0n : 1n;
    if (typeof value !== "bigint" || value < least || value >= 2n ** 63n) throw wrong(`metadata.${key}`, value, `must be a bigint from ${least} to 2^63 - 1`);
    stored[NUMBERS[key]] = value;
  }
  if (given.acl !== undefined) stored["$acl"] = toWireAcl(given.acl);
  return new TextEncoder().encode(stringify(stored));
}

/** Metadata as it is stored; empty for what is no JSON object. */
export function decodeMetadata(data: Uint8Array): StreamMetadata {
  let stored: unknown;
  try {
    stored = parse(new TextDecoder().decode(data));
  } catch {
    stored = undefined;
  }
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return {};
  const { $acl, ...custom } = stored as Record<string, unknown>;
  const metadata: { -readonly [K in keyof StreamMetadata]: StreamMetadata[K] } = {};
  for (const key of namesOf(NUMBERS)) {
    const value = custom[NUMBERS[key]];
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) continue;
    metadata[key] = BigInt(value as bigint | number);
    delete custom[NUMBERS[key]];
  }
  if (typeof $acl === "object" && $acl !== null) metadata.acl = fromWireAcl($acl as Record<string, unknown>);
  if (Object.keys(custom).length > 0) metadata.custom = custom;
  return metadata;
}

function namesOf<Names extends object>(names: Names): (keyof Names)[] {
  return Object.keys(names) as (keyof Names)[];
}

function customOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("metadata.custom", value, "must be an object");
  for (const key of [...Object.values(NUMBERS), "$acl"]) if (key in value) throw wrong(`metadata.custom.${key}`, value, "must be given by its own name");
  return value as Record<string, unknown>;
}

function toWireAcl(value: unknown): Record<string, string[]> {
  const given = record(value, "metadata.acl", namesOf(RIGHTS));
  const acl: Record<string, string[]> = {};
  for (const right of namesOf(RIGHTS)) {
    const path = `metadata.acl.${right}`;
    if (given[right] !== undefined) acl[RIGHTS[right]] = list(given[right], path).map((role, index) => name(role, `${path}[${index}]`));
  }
  return acl;
}

function fromWireAcl(stored: Record<string, unknown>): StreamAcl {
  const acl: { -readonly [K in keyof StreamAcl]: StreamAcl[K] } = {};
  for (const right of namesOf(RIGHTS)) {
    const roles = stored[RIGHTS[right]];
    // The server writes a single role as a string.
    if (typeof roles === "string") acl[right] = [roles];
    else if (Array.isArray(roles)) acl[right] = roles.map(String);
  }
  return acl;
}

/** Strings, and integers that a number may not hold; outside of strings JSON has no other place for those. */
const STRING_OR_LONG = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** JSON whose long integers are bigints. */
function parse(text: string): unknown {
  const mark = randomUuid();
  const marked = text.replace(STRING_OR_LONG, (token) => (token.startsWith('"') ? token : `"${mark}${token}"`));
  return JSON.parse(marked, (_key, value: unknown) => (typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value));
}

function stringify(value: object): string {
  const mark = randomUuid();
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === "bigint" ? `${mark}${member}` : member))
    .replace(new RegExp(`"${mark}(-?\\d+)"`, "g"), "$1");
}
