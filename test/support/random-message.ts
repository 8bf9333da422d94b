import { create, fromJson, ScalarType, type DescField, type DescMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { ValueSchema } from "@bufbuild/protobuf/wkt";

/** A reproducible source of choices. */
export interface Random {
  /** From 0 to `below` - 1. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** The same choices for the same seed and name, whatever was drawn elsewhere. */
export function randomFrom(seed: number, name: string): Random {
  let state = seed >>> 0;
  for (const letter of name) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  const next = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: (probability) => next() < probability,
    pick: <T>(choices: readonly [T, ...T[]]): T => choices[int(choices.length)] ?? choices[0],
  };
}

/** How deep messages are filled; below that their fields stay empty. */
const MAX_DEPTH = 4;

/** A message with random fields, biased to the edges of each type. `seen` collects `type.field` of each field that was set. */
export function randomMessage(desc: DescMessage, random: Random, seen: Set<string>, depth = 0): Message {
  if (desc.typeName === ValueSchema.typeName) return fromJson(ValueSchema, randomJson(random, depth));
  const message = create(desc);
  const target = reflect(desc, message);
  if (depth >= MAX_DEPTH) return message;
  for (const member of desc.members) {
    if (!random.chance(0.75)) continue;
    const field = member.kind === "oneof" ? member.fields[random.int(member.fields.length)] : member;
    if (field === undefined) continue;
    seen.add(`${desc.typeName}.${field.name}`);
    fill(target, field, (inner) => randomMessage(inner, random, seen, depth + 1), random);
  }
  return message;
}

function fill(target: ReflectMessage, field: DescField, messageOf: (desc: DescMessage) => Message, random: Random): void {
  const single = (): unknown => {
    if (field.message !== undefined) return reflect(field.message, messageOf(field.message));
    if (field.enum !== undefined) return randomEnum(field.enum.values.map(({ number }) => number), random);
    return randomScalar(field.scalar ?? ScalarType.BYTES, random);
  };
  if (field.fieldKind === "list") {
    const list = target.get(field);
    for (let left = 1 + random.int(4); left > 0; left--) list.add(single());
  } else if (field.fieldKind === "map") {
    const map = target.get(field);
    for (let left = 1 + random.int(4); left > 0; left--) map.set(randomKey(random), single() || "filled");
  } else {
    target.set(field, single());
  }
}

/** Known numbers, and some that no version declares yet. */
function randomEnum(known: number[], random: Random): number {
  return random.pick([known[random.int(known.length)] ?? 0, known[random.int(known.length)] ?? 0, 99, -99]);
}

function randomScalar(type: ScalarType, random: Random): unknown {
  switch (type) {
    case ScalarType.BOOL: return random.chance(0.7);
    case ScalarType.STRING: return randomText(random);
    case ScalarType.BYTES: return randomBytes(random);
    case ScalarType.FLOAT: return random.pick([0, 1, -1.5, Math.fround(0.1), 3.4028234663852886e38, 1.401298464324817e-45, Infinity, -Infinity, NaN]);
    case ScalarType.DOUBLE: return random.pick([0, 1, -1.5, 0.1, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity, NaN]);
    case ScalarType.INT32: return random.pick([0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31), random.int(2 ** 31)]);
    case ScalarType.UINT32: return random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, random.int(2 ** 32)]);
    case ScalarType.INT64: case ScalarType.SINT64: return BigInt.asIntN(64, randomBits(random));
    case ScalarType.UINT64: return BigInt.asUintN(64, randomBits(random));
    default: throw new Error(`no random value for scalar type ${ScalarType[type]}: add one`);
  }
}

function randomBits(random: Random): bigint {
  const any = (BigInt(random.int(2 ** 32)) << 32n) | BigInt(random.int(2 ** 32));
  return random.pick([0n, 1n, -1n, 127n, 128n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 2n, any, any]);
}

const texts = ["", "a", "order-17", "grüße", "\u0000", "日本語", "e\u0301", "👩‍🚀", "‮rtl", "__proto__", "\uFFFD", "\u{10FFFF}"] as const;

function randomText(random: Random): string {
  const text = random.pick(texts);
  return random.chance(0.1) ? text.repeat(1 + random.int(60)) : text;
}

/**
 * A key of a map. protobuf-es holds maps as objects, which lose `__proto__` and sort keys that look like numbers; of
 * an entry with an empty key or value it writes both fields, ts-proto only the other one.
 */
function randomKey(random: Random): string {
  return random.pick(["a", "type", "content-type", "7", "grüße", "👩‍🚀", "constructor", "toString", "hasOwnProperty"]);
}

function randomBytes(random: Random): Uint8Array {
  const length = random.pick([0, 1, 2, 127, 128, 300]);
  return Uint8Array.from({ length }, () => random.int(256));
}

function randomJson(random: Random, depth: number): JsonValue {
  const deeper = depth < MAX_DEPTH;
  switch (random.int(deeper ? 6 : 4)) {
    case 0: return null;
    case 1: return random.pick([0, 1, -1.5, 0.1, 2 ** 53, Number.MAX_VALUE]);
    case 2: return randomText(random);
    case 3: return random.chance(0.5);
    case 4: return Array.from({ length: random.int(4) }, () => randomJson(random, depth + 1));
    default: return Object.fromEntries(Array.from({ length: random.int(4) }, () => [randomKey(random), randomJson(random, depth + 1)]));
  }
}
