import type { Direction } from "./fault.js";

/**
 * Where a connection stands, as somebody on the way sees it. `connecting`: nothing has been said on it that could be a
 * request. `request`: some of a request went to the server, but not all. `awaiting`: a request is with the server and
 * its response headers are not here. `mid-frame`: some of a message came, but not all. `idle`: a response has begun and
 * no message is under way. `quiet`: no call is open.
 */
export type Phase = "connecting" | "request" | "awaiting" | "mid-frame" | "idle" | "quiet";

/** Follows one connection by its bytes. */
export interface PhaseWatch {
  readonly phase: Phase;
  /** Reads along. */
  push(direction: Direction, chunk: Buffer): void;
}
