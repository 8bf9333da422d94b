import { invalidArgument } from "../core/arguments.js";

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
export function parseGatewayUrl(url: unknown): GatewayUrl {
  const parsed = resolve(url);
  if (parsed === undefined) throw invalidArgument("url", url, "must be an http or https URL, or one relative to the page");
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") throw invalidArgument("url", url, "must begin with http:// or https://");
  if (parsed.username !== "" || parsed.password !== "") throw invalidArgument("url", url, "must not hold a user name or password, use `headers`");
  if (parsed.search !== "" || parsed.hash !== "") throw invalidArgument("url", url, "must not have a query or a fragment");
  const { origin } = parsed;
  return { origin, base: origin + parsed.pathname.replace(/\/+$/, "") };
}

function resolve(url: unknown): URL | undefined {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== "string" || text === "") return undefined;
  try {
    return new URL(text, pageUrl());
  } catch {
    return undefined;
  }
}

/** What a page resolves relative addresses against; a worker has only its location, a server nothing. */
function pageUrl(): string | undefined {
  const scope = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return scope.document?.baseURI ?? scope.location?.href;
}
