import type { CallStage, WatchedCall } from "./h2-watch.js";

/** Which way bytes go. */
export type Direction = "to-server" | "to-client";

/** What to do to a connection. */
export type Fault =
  /**
   * The client sees a reset. `server: "cut"`, the default, resets the other side as well; `"linger"` leaves the server
   * its connection and drops what it says, so that it never learns that nobody listens.
   */
  | { readonly kind: "cut"; readonly server?: "cut" | "linger" }
  /** Nothing moves any more in these directions, and nothing says so: no FIN, no RST. Both by default. */
  | { readonly kind: "freeze"; readonly direction?: Direction };

/**
 * Decides what happens at a moment of a call.
 *
 * At `opened` and `request-end` the fault comes after the bytes that made the moment went to the server; at `answered`
 * and `ended` it comes before any byte of them reaches the client.
 */
export type FaultRule = (call: WatchedCall, stage: CallStage) => Fault | undefined;
