import { fetchCarrier, type Carrier } from "millrace/carrier";
import { MillraceError } from "millrace/internal/core/errors";
import { embeddedFetch, type EmbeddedFetch } from "./fetch.js";
import type { EmbeddedService } from "./service.js";
import { embeddedUmaDb } from "./umadb/index.js";

/** A system that can be had embedded. */
export type EmbeddedSystem = "umadb";

/** What an embedded server is like. */
export interface EmbeddedOptions {
  /** Which systems it has; all by default. */
  systems?: readonly EmbeddedSystem[] | undefined;
  /** UmaDB's API key, which each call must bring as `authorization: Bearer …`; none by default, then no call is checked. */
  apiKey?: string | undefined;
}

/** Stores in this process's memory, empty at first and gone with it. */
export interface Embedded {
  /** For a client's `carrier` option: calls without a network. Closing it leaves the stores open. */
  readonly carrier: Carrier;
  /** For a client's `fetch` option, beside any `url`: the same as gRPC-Web, as it would come through a gateway. */
  readonly fetch: EmbeddedFetch;
  /** Ends open subscriptions and reads as a server's shutdown does; calls made later end with `unavailable`. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts embedded servers: the systems' semantics and errors, in memory, in any runtime.
 *
 * @throws {MillraceError} `invalid_argument` for a system that cannot be had.
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  return embeddedOf(embeddedService(options));
}

/** The servers that the options ask for, as one. @throws {MillraceError} `invalid_argument` */
export function embeddedService({ systems = ["umadb"], apiKey }: EmbeddedOptions): EmbeddedService {
  for (const system of systems) {
    if (system !== "umadb") throw new MillraceError("invalid_argument", `\`systems\` may name "umadb", got ${JSON.stringify(system)}`);
  }
  if (systems.length === 0) throw new MillraceError("invalid_argument", "`systems` must name one at least, got none");
  return embeddedUmaDb({ apiKey });
}

/** A service by each way that needs no socket. */
export function embeddedOf(service: EmbeddedService): Embedded {
  const fetch = embeddedFetch(service);
  return {
    carrier: fetchCarrier({ url: "http://embedded", fetch }),
    fetch,
    async close() {
      service.close();
    },
  };
}
