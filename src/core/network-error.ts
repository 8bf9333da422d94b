import { MillraceError } from "./errors.js";

/** What Node (and Bun) call a connection that never stood, so that nothing can have been sent on it. */
const NEVER_STOOD = /^(E(CONNREFUSED|NOTFOUND|AI_|(HOST|NET)[UD]|ADDRN)|UND_ERR_CONNECT_|ConnectionRefused|UNABLE_TO_)|CERT/;

/**
 * The error for a `fetch` that gave no response. Browsers do not say why, so the text names what it can be.
 *
 * @param origin The gateway's; no path, no query.
 */
export function notReached(origin: string, cause: unknown): MillraceError {
  return new MillraceError("unavailable", `${origin} was not reached, does not let this page in, or was lost before it answered`, { applied: neverStood(cause) ? "no" : "unknown", cause });
}

/** The error for a response that broke off. */
export function connectionLost(origin: string, cause?: unknown): MillraceError {
  return new MillraceError("unavailable", `The connection to ${origin} was lost`, { applied: "unknown", cause });
}

/** Whether an error, or one it was caused by, says that no connection ever stood. */
export function neverStood(error: unknown, depth = 0): boolean {
  const { code, cause } = Object(error) as { code?: unknown; cause?: unknown };
  return NEVER_STOOD.test(String(code)) || (cause !== undefined && depth < 4 && neverStood(cause, depth + 1));
}
