/** Bytes of a payload that are looked at for one line of the table. */
const PREVIEW_BYTES = 240;

/** The payload as text; `undefined` when it is not UTF-8. A byte order mark stays. */
export function asText(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}

/** One line that says what the payload is: its text without line breaks, or its first bytes in hex. */
export function preview(data: Uint8Array): string {
  if (data.byteLength === 0) return "";
  const head = data.subarray(0, PREVIEW_BYTES);
  // `stream` keeps a character that the cut went through from turning into a replacement character.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(head, { stream: data.byteLength > head.byteLength });
  if (isReadable(text)) return text.replace(/\s+/g, " ").trim();
  return Array.from(data.subarray(0, 24), hexByte).join(" ") + (data.byteLength > 24 ? " …" : "");
}

/** Sixteen bytes a line: offset, hex, and the printable ASCII characters among them. */
export function hexDump(data: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < data.byteLength; offset += 16) {
    const row = data.subarray(offset, offset + 16);
    const hex = Array.from(row, hexByte);
    const left = hex.slice(0, 8).join(" ").padEnd(23);
    const right = hex.slice(8).join(" ").padEnd(23);
    const characters = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${offset.toString(16).padStart(8, "0")}  ${left}  ${right}  ${characters}`);
  }
  return lines.join("\n");
}

/** A size for people: `312 B`, `4.2 kB`, `1.3 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function isReadable(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what tells binary data from text
  return !/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text);
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
