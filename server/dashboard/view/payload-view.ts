import { formatJson } from "../model/json-format.js";
import { asText, formatSize, hexDump } from "../model/payload.js";
import { element } from "./dom.js";

/** The ways a payload can be looked at. */
export type PayloadForm = "json" | "text" | "hex";

/** Characters of text, and bytes of hex, that are laid out; more would make the page slow. */
const SHOWN_CHARACTERS = 200_000;
const SHOWN_HEX_BYTES = 32_768;

/** The form that says most about a payload. */
export function bestForm(data: Uint8Array): PayloadForm {
  const text = asText(data);
  if (text === undefined) return "hex";
  return text.length <= SHOWN_CHARACTERS && formatJson(text) !== undefined ? "json" : "text";
}

/** The payload in one form, or why it does not have that form. */
export function payloadView(data: Uint8Array, form: PayloadForm): Node {
  if (data.byteLength === 0) return note("No data.");
  if (form === "hex") return hexView(data);
  const text = asText(data);
  if (text === undefined) return note("These bytes are not UTF-8 text. Look at them as hex.");
  return form === "text" ? textView(text, data.byteLength) : jsonView(text);
}

function jsonView(text: string): Node {
  if (text.length > SHOWN_CHARACTERS) return note("This is too long to be laid out as JSON. Look at it as text.");
  const tokens = formatJson(text);
  if (tokens === undefined) return note("This text is not JSON.");
  const nodes = tokens.map((token) =>
    token.kind === "space" || token.kind === "punctuation" ? token.text : element("span", { class: `json-${token.kind}` }, token.text),
  );
  return element("pre", { class: "payload" }, ...nodes);
}

function textView(text: string, bytes: number): Node {
  const shown = element("pre", { class: "payload payload-text" }, text.slice(0, SHOWN_CHARACTERS));
  if (text.length > SHOWN_CHARACTERS) shown.append(note(`The rest of ${formatSize(bytes)} is left out.`));
  return shown;
}

function hexView(data: Uint8Array): Node {
  const shown = element("pre", { class: "payload payload-hex" }, hexDump(data.subarray(0, SHOWN_HEX_BYTES)));
  if (data.byteLength > SHOWN_HEX_BYTES) shown.append(note(`The rest of ${formatSize(data.byteLength)} is left out.`));
  return shown;
}

function note(text: string): HTMLElement {
  return element("p", { class: "note" }, text);
}
