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
  // Header values come as one character a byte, so a server that sends plain UTF-8 is understood that way too.
  return header.replace(/(?:%[\da-fA-F]{2}|[\x80-\xff])+/g, (run) => {
    const bytes = (run.match(/%..|./g) ?? []).map((piece) => (piece.length > 1 ? Number.parseInt(piece.slice(1), 16) : piece.charCodeAt(0)));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  });
}
