import type { Upstream } from "millrace/internal/carrier/http2/upstream";
import type { HeaderFields } from "../exchange.js";
import { responseTrailers } from "../headers.js";
import type { UpstreamSettings } from "../options.js";
import type { Refusal } from "../refusal.js";
import type { UnaryHandler } from "../unary-handler.js";

/** One system behind the gateway: its connections, and all rules that are its own. */
export interface Target {
  readonly upstream: Pick<Upstream, "open">;
  /** Credentials that every call gets; a caller's own win where they are let through. */
  readonly authorization: string | undefined;
  /** Whether a caller's `millrace-upstream-authorization` reaches it. */
  readonly credentialsFromClient: boolean;
  /** Methods that are not passed on byte for byte, by path. */
  readonly handlers: ReadonlyMap<string, UnaryHandler>;
  /** Whether the system cuts calls short when it drains, and says that they ended well. */
  readonly cutsOnDrain: boolean;
  /**
   * Looks at a request message, without its envelope, that the policy allowed. What it refuses would harm the system or
   * its other callers, and is never sent.
   */
  check(path: string, message: Uint8Array): Refusal | undefined;
  /** What a page gets of what the system says at the end of a call. */
  trailers(trailers: HeaderFields): HeaderFields;
  /** Whether the system, asked by means of its own, says that it serves. */
  isServing(): Promise<boolean>;
  /** Closes the connections; calls that must not be cut off get `drainMs` to end by themselves. */
  close(drainMs: number): Promise<void>;
}

/** A target without rules of its own: what is its own is added by spreading. */
export function plainTarget(upstream: Pick<Upstream, "open"> & { close(): Promise<void> }, { apiKey, credentials }: UpstreamSettings): Target {
  return {
    upstream,
    authorization: apiKey === undefined ? undefined : `Bearer ${apiKey}`,
    credentialsFromClient: credentials === "client",
    handlers: new Map(),
    cutsOnDrain: false,
    check: () => undefined,
    trailers: responseTrailers,
    isServing: () => Promise.resolve(true),
    close: () => upstream.close(),
  };
}
