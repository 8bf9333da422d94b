/** What a stream's metadata says of reading it, and of who may. */
export interface StreamMetadata {
  /** The first number that can be read. */
  readonly truncateBefore: bigint;
  /** Deleted softly: `$tb` is 2^63 - 1, or beyond. */
  readonly deleted: boolean;
  readonly maxCount: bigint | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly acl: Acl | undefined;
  /** All of it, the user's own keys too. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** Roles by right: reading, writing, deleting, and reading and writing metadata. A right that is not named has its default. */
export type Acl = Readonly<Partial<Record<Right, readonly string[]>>>;
/** A right on a stream, by the name that metadata gives it. */
export type Right = "$r" | "$w" | "$d" | "$mr" | "$mw";

const RIGHTS: readonly Right[] = ["$r", "$w", "$d", "$mr", "$mw"];
/** 2^63 - 1 as a double, which is what a parser of JSON makes of it. */
const DELETED = 2 ** 63;

/** The metadata of a stream that has none. */
export const NO_METADATA: StreamMetadata = { truncateBefore: 0n, deleted: false, maxCount: undefined, maxAgeSeconds: undefined, acl: undefined, document: {} };

/** Reads a metadata event's data. What is no JSON object counts as none, as in the real server. */
export function parseStreamMetadata(data: Uint8Array): StreamMetadata {
  const document = parseObject(new TextDecoder().decode(data));
  if (document === undefined) return NO_METADATA;
  const { $tb, $maxCount, $maxAge, $acl } = document;
  const deleted = typeof $tb === "number" && $tb >= DELETED;
  return {
    truncateBefore: !deleted && isCount($tb) ? BigInt($tb) : 0n,
    deleted,
    maxCount: isCount($maxCount) && $maxCount > 0 ? BigInt($maxCount) : undefined,
    maxAgeSeconds: isCount($maxAge) && $maxAge > 0 ? $maxAge : undefined,
    acl: parseAcl($acl),
    document,
  };
}

/** Reads one `$acl` object. */
export function parseAcl(value: unknown): Acl | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const acl: Partial<Record<Right, readonly string[]>> = {};
  for (const right of RIGHTS) {
    const roles = (value as Record<string, unknown>)[right];
    if (typeof roles === "string") acl[right] = [roles];
    else if (Array.isArray(roles)) acl[right] = roles.filter((role): role is string => typeof role === "string");
  }
  return acl;
}

/** A text as a JSON object; `undefined` when it is none. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Metadata that undeletes: `$tb` moves to the first number that is written after the deletion, all else stays. */
export function undeleted({ document }: StreamMetadata, firstNumber: bigint): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...document, $tb: Number(firstNumber) }));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
