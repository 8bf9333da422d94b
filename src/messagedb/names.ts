import { invalidArgument } from "../core/arguments.js";
import { md5 } from "./md5.js";

/** The category of a stream: its name up to the first hyphen, or all of it. Equal to the store's own function. */
export function category(stream: string): string {
  return before(checked(stream), "-");
}

/** Whether a name is a category's, which is to say that it has no hyphen. */
export function isCategory(name: string): boolean {
  return !checked(name).includes("-");
}

/** The id of a stream: what follows the first hyphen of its name, which may be nothing; `undefined` for a category. */
export function id(stream: string): string | undefined {
  const at = checked(stream).indexOf("-");
  return at === -1 ? undefined : stream.slice(at + 1);
}

/** The first of the ids that a stream's id is made of, up to a `+`; `undefined` for a category. Consumer groups go by it. */
export function cardinalId(stream: string): string | undefined {
  const whole = id(stream);
  return whole === undefined ? undefined : before(whole, "+");
}

/**
 * The number by which the store locks categories and assigns streams to members of a consumer group: the first 64 bits
 * of the text's MD5 as a signed number. A stream's member is that of its cardinal id, without its sign, modulo the
 * group's size.
 */
export function hash64(text: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${md5(checked(text)).slice(0, 16)}`));
}

function before(text: string, separator: string): string {
  const at = text.indexOf(separator);
  return at === -1 ? text : text.slice(0, at);
}

function checked(name: unknown): string {
  if (typeof name !== "string") throw invalidArgument("name", name, "must be a string", "messagedb");
  return name;
}
