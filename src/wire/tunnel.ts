/** Where a gateway takes tunnels, after its address. */
export const TUNNEL_PATH = "/millrace/tunnel";

/** The WebSocket subprotocol of a tunnel; its number changes with what the bytes mean. */
export const TUNNEL_PROTOCOL = "millrace.v1";

/** A call to this path replaces the tunnel's `authorization` by its own, for calls that bring none. */
export const TUNNEL_AUTH_PATH = "/millrace/auth";

/** The largest WebSocket message that a gateway takes, in bytes. */
export const MAX_TUNNEL_MESSAGE_BYTES = 1024 * 1024;

/** Calls that one tunnel may have open. */
export const MAX_TUNNEL_CALLS = 1_024;

/** Why a gateway closes a tunnel, as the WebSocket's close code. */
export const tunnelClose = {
  /** The peer broke the protocol. */
  protocol: 1002,
  /** A text message came. */
  notBinary: 1003,
  /** The gateway failed. */
  internal: 1011,
  /** The gateway shuts down: connect again. */
  drain: 1012,
  /** The tunnel's credentials are not good, or no longer. */
  unauthenticated: 4401,
  /** The page's origin may not use this gateway. */
  forbidden: 4403,
  /** The first message did not come in time. */
  noFirstMessage: 4408,
} as const;
