import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Random } from "./random-message.js";

/** One field as it stands on the wire: what is inside it where it has a length, its own bytes elsewhere. */
interface WireField {
  number: number;
  type: WireType;
  bytes: readonly number[];
}

/**
 * The same message, written as no encoder of ours would: fields in another order, numbers longer than they need to be,
 * fields that nobody knows, values that a later one replaces, messages in two parts, packed numbers one by one.
 */
export function rewritten(desc: DescMessage | undefined, bytes: Uint8Array, random: Random): Uint8Array {
  return Uint8Array.from(rewrite(desc, bytes, random));
}

function rewrite(desc: DescMessage | undefined, bytes: Uint8Array, random: Random): number[] {
  const fields = fieldsOf(bytes).flatMap((field) => variants(desc?.fields.find(({ number }) => number === field.number), field, random));
  // Not in a map's entry, where protobuf-es takes what follows an unknown field for garbage.
  while (desc !== undefined && random.chance(0.2)) fields.push(unknownField(random));
  return shuffled(fields, random).flatMap((field) => written(field, random));
}

function fieldsOf(bytes: Uint8Array): WireField[] {
  const reader = new BinaryReader(bytes);
  const fields: WireField[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const start = reader.pos;
    if (type === WireType.LengthDelimited) {
      fields.push({ number, type, bytes: [...reader.bytes()] });
    } else {
      reader.skip(type, number);
      fields.push({ number, type, bytes: [...bytes.subarray(start, reader.pos)] });
    }
  }
  return fields;
}

/** The fields that mean the same as `field`. */
function variants(desc: DescField | undefined, field: WireField, random: Random): WireField[] {
  const { number } = field;
  if (desc === undefined) return [field];
  if (desc.fieldKind === "list" && desc.scalar !== undefined && desc.packed && random.chance(0.4)) return unpacked(field);
  const inner = desc.fieldKind === "map" ? undefined : desc.message;
  if (inner === undefined && desc.fieldKind !== "map") {
    const replaced = desc.fieldKind !== "list" && random.chance(0.1);
    return replaced ? [{ ...field, bytes: field.type === WireType.LengthDelimited ? [0x61, 0x62] : [5] }, field] : [field];
  }
  const bytes = rewrite(inner, Uint8Array.from(field.bytes), random);
  if (desc.fieldKind !== "message" || !random.chance(0.2)) return [{ ...field, bytes }];
  const parts = fieldsOf(Uint8Array.from(bytes));
  const at = random.int(parts.length + 1);
  return [parts.slice(0, at), parts.slice(at)].map((some) => ({ number, type: field.type, bytes: some.flatMap((part) => written(part, random)) }));
}

function unpacked({ number, bytes }: WireField): WireField[] {
  const reader = new BinaryReader(Uint8Array.from(bytes));
  const fields: WireField[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    reader.skip(WireType.Varint, number);
    fields.push({ number, type: WireType.Varint, bytes: bytes.slice(start, reader.pos) });
  }
  return fields;
}

function unknownField(random: Random): WireField {
  const number = random.pick([100, 536_870_911, 16 + random.int(5_000)]);
  switch (random.int(4)) {
    case 0: return { number, type: WireType.Varint, bytes: [...Array<number>(9).fill(0xff), 1] };
    case 1: return { number, type: WireType.Bit64, bytes: randomBytes(8, random) };
    case 2: return { number, type: WireType.Bit32, bytes: randomBytes(4, random) };
    default: return { number, type: WireType.LengthDelimited, bytes: randomBytes(random.int(200), random) };
  }
}

function randomBytes(length: number, random: Random): number[] {
  return Array.from({ length }, () => random.int(256));
}

/** In any order, but for fields with one number, whose order means something. */
function shuffled(fields: readonly WireField[], random: Random): WireField[] {
  const order = fields.map(({ number }) => number);
  for (let n = order.length - 1; n > 0; n--) {
    const other = random.int(n + 1);
    [order[n], order[other]] = [order[other] as number, order[n] as number];
  }
  const waiting = new Map<number, WireField[]>();
  for (const field of fields) waiting.set(field.number, [...(waiting.get(field.number) ?? []), field]);
  return order.map((number) => (waiting.get(number) as WireField[]).shift() as WireField);
}

function written({ number, type, bytes }: WireField, random: Random): number[] {
  const key = varint(number * 8 + type, random);
  return type === WireType.LengthDelimited ? [...key, ...varint(bytes.length, random), ...bytes] : [...key, ...bytes];
}

/** A number in as many bytes as it needs, or in more. */
function varint(value: number, random: Random): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  for (let more = random.chance(0.1) ? 1 + random.int(5 - bytes.length || 1) : 0; more > 0 && bytes.length < 5; more--) {
    bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
    bytes.push(0);
  }
  return bytes;
}

