import { MillraceError } from "./errors.js";

/** What Node (and Bun) call a connection that never stood, so that nothing can have been sent on it. */
const NEVER_STOOD =
  /^(E(CONNREFUSED|NOTFOUND|AI_\w+|(HOST|NET)(UNREACH|DOWN)|ADDRNOTAVAIL)|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|\w*CERT\w*|UNABLE_TO_\w+)$/;

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

/** Whether an error, or one it was caused by, says that no connection ever stood. */
export function neverStood(error: unknown, depth = 0): boolean {
  const { code, cause } = Object(error) as { code?: unknown; cause?: unknown };
  return NEVER_STOOD.test(String(code)) || (cause !== undefined && depth < 4 && neverStood(cause, depth + 1));
}
