/**
 * A status text for the `grpc-message` header: UTF-8, percent-encoded except for printable ASCII. A surrogate without
 * its partner becomes the replacement character.
 */
export function encodeGrpcMessage(message: string): string {
  let encoded = "";
  for (const byte of new TextEncoder().encode(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/**
 * The text of a `grpc-message` header. Never throws, whatever the server sent: a broken escape stays as it is, bytes
 * that are no UTF-8 become the replacement character.
 */
export function decodeGrpcMessage(header: string): string {
  if (!/[%\u0080-\uffff]/.test(header)) return header;
  const bytes: number[] = [];
  for (let at = 0; at < header.length; at++) {
    const escaped = header[at] === "%" ? hexByte(header, at + 1) : undefined;
    if (escaped !== undefined) {
      bytes.push(escaped);
      at += 2;
    } else {
      pushCharacter(bytes, header, at);
    }
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

function hexByte(text: string, at: number): number | undefined {
  const digits = text.slice(at, at + 2);
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** Header values come as one character a byte; a server that sends plain UTF-8 is understood that way too. */
function pushCharacter(bytes: number[], text: string, at: number): void {
  const code = text.charCodeAt(at);
  if (code <= 0xff) bytes.push(code);
  else bytes.push(...new TextEncoder().encode(text[at]));
}
