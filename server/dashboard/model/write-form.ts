import type { NewMessage } from "millrace/messagedb";

/** What a person typed into the form that writes a message. */
export interface WriteFormInput {
  readonly stream: string;
  readonly type: string;
  readonly data: string;
  /** Empty: none. */
  readonly metadata: string;
  /** Empty: whatever it is; `-1`: no stream. */
  readonly expectedVersion: string;
}

/** What is written. */
export interface WriteFormResult {
  readonly stream: string;
  readonly message: NewMessage;
  readonly expectedVersion: bigint | "no_stream" | undefined;
}

/** What is wrong with the input, by the field's name. */
export type WriteFormProblems = Partial<Record<keyof WriteFormInput, string>>;

/** The message that the form describes, or what is wrong with it. */
export function readWriteForm(input: WriteFormInput): WriteFormResult | { readonly problems: WriteFormProblems } {
  const problems: WriteFormProblems = {};
  const [stream, type, version] = [input.stream.trim(), input.type.trim(), input.expectedVersion.trim()];
  if (stream === "") problems.stream = "Name a stream, such as account-123.";
  if (type === "") problems.type = "Give the message a type.";
  const [data, metadata] = [parsed(input.data), parsed(input.metadata)];
  if (data === BROKEN) problems.data = "This is not JSON.";
  if (metadata === BROKEN) problems.metadata = "This is not JSON.";
  if (!/^(-1|\d{0,18})$/.test(version)) problems.expectedVersion = "A version is a whole number, -1 for no stream, or nothing.";
  if (Object.keys(problems).length > 0) return { problems };
  const expectedVersion = version === "" ? undefined : version === "-1" ? "no_stream" : BigInt(version);
  return { stream, message: { type, data, ...(metadata !== undefined && { metadata }) }, expectedVersion };
}

const BROKEN = Symbol("broken");

/** The value of a JSON text, `undefined` for none. */
function parsed(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return BROKEN;
  }
}
