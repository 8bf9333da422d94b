import type { HeaderFields } from "./exchange.js";

/** A file as it is served. */
export interface Page {
  /** The `content-type` header. */
  readonly contentType: string;
  /** The whole file. */
  readonly body: Uint8Array;
  /** Whether its name changes with its content, so that it may be kept for ever. */
  readonly immutable: boolean;
}

/** Static pages by path: `/`, `/assets/index-1a2b3c.js`. */
export type Pages = ReadonlyMap<string, Page>;

/** Pages run nothing but their own files and speak to nobody but the gateway: a stored payload cannot become code. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "font-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join("; ");

/** The headers of a page. */
export function pageHeaders(page: Page): HeaderFields {
  return {
    "content-type": page.contentType,
    "content-length": String(page.body.length),
    "cache-control": page.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}
