import { MillraceError } from "../core/errors.js";

/** What Node (and Bun) call a connection that never stood, so that nothing can have been sent on it. */
const NEVER_STOOD = /* @__PURE__ */ new RegExp([
  "^(?:ECONNREFUSED", "ENOTFOUND", "EAI_[A-Z]+", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT", "ConnectionRefused", "ERR_TLS_CERT_ALTNAME_INVALID", "CERT_[A-Z_]+",
  "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_[A-Z_]+)$",
].join("|"));

/**
 * The error for a `fetch` that gave no response. Browsers do not say why, so the text names what it can be.
 *
 * @param origin The gateway's; no path, no query.
 */
export function notReached(origin: string, cause: unknown): MillraceError {
  const text = `${origin} was not reached, it does not let this page in, or the connection was lost before an answer came`;
  return new MillraceError("unavailable", text, { applied: neverStood(cause) ? "no" : "unknown", cause });
}

/** The error for a response that broke off. */
export function connectionLost(origin: string, cause?: unknown): MillraceError {
  return new MillraceError("unavailable", `The connection to ${origin} was lost`, { applied: "unknown", cause });
}

function neverStood(error: unknown): boolean {
  for (let inner = error, depth = 0; typeof inner === "object" && inner !== null && depth < 4; depth++) {
    const { code, cause } = inner as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && NEVER_STOOD.test(code)) return true;
    inner = cause;
  }
  return false;
}
