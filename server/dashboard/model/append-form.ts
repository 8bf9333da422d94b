import type { AppendCondition, NewEvent } from "millrace/umadb";
import { parseList } from "./filter.js";

/** What a person typed into the append form. */
export interface AppendFormInput {
  readonly type: string;
  readonly tags: string;
  readonly data: string;
  readonly dataKind: "json" | "text";
  readonly conditional: boolean;
  readonly conditionTypes: string;
  readonly conditionTags: string;
  /** Empty: from the beginning. */
  readonly conditionAfter: string;
}

/** What is sent. */
export interface AppendFormResult {
  readonly event: NewEvent;
  readonly condition: AppendCondition | undefined;
}

/** What is wrong with the input, by the field's name. */
export type AppendFormProblems = Partial<Record<"type" | "data" | "conditionAfter", string>>;

/** The event and condition that the form describes, or what is wrong with it. */
export function readAppendForm(input: AppendFormInput): AppendFormResult | { readonly problems: AppendFormProblems } {
  const problems: AppendFormProblems = {};
  const type = input.type.trim();
  if (type === "") problems.type = "Give the event a type.";
  if (input.dataKind === "json" && !isJson(input.data)) problems.data = "This is not JSON. Mend it, or send it as text.";
  const after = readPosition(input.conditionAfter);
  if (input.conditional && after === "invalid") problems.conditionAfter = "A position is a whole number, or nothing.";
  if (Object.keys(problems).length > 0) return { problems };
  const event = { type, tags: parseList(input.tags), data: new TextEncoder().encode(input.data) };
  if (!input.conditional || after === "invalid") return { event, condition: undefined };
  const item = { types: parseList(input.conditionTypes), tags: parseList(input.conditionTags) };
  return { event, condition: { failIfEventsMatch: { items: [item] }, ...(after === undefined ? {} : { after }) } };
}

function readPosition(text: string): bigint | undefined | "invalid" {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  return /^\d{1,19}$/.test(trimmed) ? BigInt(trimmed) : "invalid";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
