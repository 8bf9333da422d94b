import { invalidArgument } from "./arguments.js";
import type { SystemName } from "./errors.js";

/** Where a gateway is: what a method's path is appended to. */
export interface GatewayUrl {
  /** Scheme, host and port; fit for an error text. */
  readonly origin: string;
  /** Origin and path, without a slash at the end. */
  readonly base: string;
}

/**
 * Reads a gateway's address. A relative one is resolved against the page.
 *
 * @throws {MillraceError} `invalid_argument`. The text does not show the address, which may hold a secret.
 */
export function parseGatewayUrl(url: unknown, system?: SystemName): GatewayUrl {
  const parsed = resolve(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw invalidArgument("url", url, "must be an http or https URL, or relative to the page", system);
  const { origin, pathname, username, password, search, hash } = parsed;
  if (username + password + search + hash !== "") throw invalidArgument("url", url, "must not hold a user name, password, query or fragment", system);
  return { origin, base: origin + pathname.replace(/\/+$/, "") };
}

function resolve(url: unknown): URL | undefined {
  const text = url instanceof URL ? url.href : url;
  // What a page resolves relative addresses against; a worker has only its location, a server nothing.
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  try {
    return typeof text === "string" && text !== "" ? new URL(text, document?.baseURI ?? location?.href) : undefined;
  } catch {
    return undefined;
  }
}
