/** A piece of JSON text, and what it is. */
export interface JsonToken {
  readonly kind: "key" | "string" | "number" | "literal" | "punctuation" | "space";
  readonly text: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/**
 * JSON text laid out with two blanks a level, as tokens. Numbers and strings stay as they were written: going through
 * `JSON.parse` would round integers above 2^53 and drop repeated keys.
 *
 * @returns `undefined` when the text is not JSON.
 */
export function formatJson(text: string): JsonToken[] | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const pieces = text.match(TOKEN) ?? [];
  const tokens: JsonToken[] = [];
  let depth = 0;
  const newLine = (): void => void tokens.push({ kind: "space", text: `\n${"  ".repeat(depth)}` });
  pieces.forEach((piece, index) => {
    const next = pieces[index + 1];
    const previous = pieces[index - 1];
    const closing = piece === "}" || piece === "]";
    if (closing) {
      depth--;
      if (previous !== "{" && previous !== "[") newLine();
    }
    tokens.push({ kind: kindOf(piece, next), text: piece });
    if (piece === ":") tokens.push({ kind: "space", text: " " });
    if (piece === "{" || piece === "[") {
      depth++;
      if (next !== "}" && next !== "]") newLine();
    }
    if (piece === ",") newLine();
  });
  return tokens;
}

function kindOf(piece: string, next: string | undefined): JsonToken["kind"] {
  const first = piece.charAt(0);
  if (first === '"') return next === ":" ? "key" : "string";
  if (first === "-" || (first >= "0" && first <= "9")) return "number";
  return piece.length > 1 ? "literal" : "punctuation";
}
