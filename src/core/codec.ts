/** An event's type and payload, which is all that a {@link PayloadCodec} sees of it. */
export interface Payload<Data> {
  /** The event's type. */
  readonly type: string;
  /** Bytes on the side of the store, the domain's value on the other. */
  readonly data: Data;
}

/**
 * A domain's own format: maps type and payload of each event to bytes and back.
 *
 * What it throws passes through: from `encode` before anything was sent, from `decode` to whoever asks an event
 * for its type or data.
 */
export interface PayloadCodec<Data> {
  /** From the domain's value to the type and the bytes that are stored. */
  encode(payload: Payload<Data>): Payload<Uint8Array>;
  /** From what is stored to the domain's value. The bytes are a view on the response: copy what is kept. */
  decode(payload: Payload<Uint8Array>): Payload<Data>;
}
