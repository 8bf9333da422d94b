import type { Client, HeaderFields } from "./exchange.js";

/** A call with one request message, as a {@link UnaryHandler} gets it. */
export interface UnaryRequest {
  /** The request message with its envelope. */
  readonly envelope: Uint8Array;
  /** Metadata for the upstream. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly client: Client;
}

/** How a call ended: the response body, if there is one, and the trailers as a page gets them. */
export interface UnaryOutcome {
  readonly headers?: HeaderFields | undefined;
  readonly body?: Uint8Array | undefined;
  readonly trailers: HeaderFields;
}

/** A call under way. */
export interface UnaryCall {
  /** Whether the upstream may have seen it. */
  readonly sent: boolean;
  /** Nobody wants the outcome any more. */
  leave(): void;
}

/** Makes calls of one method where passing bytes on is not enough. Never calls `done` before it returned. */
export type UnaryHandler = (request: UnaryRequest, done: (outcome: UnaryOutcome) => void) => UnaryCall;
