/** A new random uuid (version 4), lower case with hyphens. */
export function randomUuid(): string {
  // Pages served over plain http have no randomUUID, although they do have getRandomValues.
  return typeof crypto.randomUUID === "function" ? crypto.randomUUID() : uuidOf(crypto.getRandomValues(new Uint8Array(16)));
}

function uuidOf(random: Uint8Array): string {
  random[6] = ((random[6] as number) & 0x0f) | 0x40;
  random[8] = ((random[8] as number) & 0x3f) | 0x80;
  let hex = "";
  for (const byte of random) hex += byte.toString(16).padStart(2, "0");
  return hyphenated(hex);
}

const FORMS = [
  /^[0-9a-f]{32}$/i,
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^\{[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}$/i,
  /^urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/,
];

/**
 * A uuid in the form that servers give it back: lower case with hyphens. Taken are 32 hex digits, the hyphenated form,
 * that in braces, and that after `urn:uuid:`; hex digits in any case, any version.
 *
 * @returns `undefined` when it is none of them.
 */
export function parseUuid(text: string): string | undefined {
  if (!FORMS.some((form) => form.test(text))) return undefined;
  return hyphenated(text.replace(/^urn:uuid:/, "").replace(/[-{}]/g, "").toLowerCase());
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
