/** Bytes before each payload: one of flags, four of length (big endian). gRPC and gRPC-Web share them. */
export const ENVELOPE_HEADER_BYTES = 5;

/** The first byte of an envelope. */
export const envelopeFlag = {
  data: 0,
  /** Set on a message that is compressed; refused here, since nothing we send allows it. */
  compressed: 0x01,
  /** An empty envelope that a gateway of ours sends on a quiet stream, only when it was asked to. */
  heartbeat: 0x40,
  /** gRPC-Web's last envelope: its payload is the trailer block. */
  trailers: 0x80,
} as const;

/** The payload length that an envelope's header at `at` announces. */
export function envelopeLength(bytes: Uint8Array, at: number): number {
  const high = bytes[at + 1] as number;
  return ((high << 24) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number)) >>> 0;
}
