import type { Carrier } from "millrace/carrier";
import { MillraceError } from "millrace/internal/core/errors";
import { MESSAGEDB_PATH } from "millrace/internal/wire/messagedb";
import { embeddedCarrier } from "./carrier.js";
import { embeddedEventStoreDb, type EmbeddedEventStoreDbOptions, type Whereabouts } from "./eventstoredb/index.js";
import { embeddedFetch, type EmbeddedFetch } from "./fetch.js";
import { embeddedKubeMq, type EmbeddedKubeMqOptions } from "./kubemq/index.js";
import type { EmbeddedService } from "./service.js";
import { embeddedUmaDb } from "./umadb/index.js";

/** A system that can be had embedded. */
export type EmbeddedSystem = "umadb" | "eventstoredb" | "kubemq" | "messagedb";

/** What an embedded server is like. */
export interface EmbeddedOptions {
  /**
   * Which systems it has; those that are ready at once and take little memory by default, so all but `messagedb`, which
   * is PostgreSQL itself (PGlite): a second and some 300 MB.
   */
  systems?: readonly EmbeddedSystem[] | undefined;
  /**
   * Where `messagedb` is kept: a folder, in a page a name. What one server or page has open, another is refused. In
   * memory by default, and gone with it.
   */
  dataDir?: string | undefined;
  /** UmaDB's API key, which each call must bring as `authorization: Bearer …`; none by default, then no call is checked. */
  apiKey?: string | undefined;
  /** How EventStoreDB behaves: its users, its projections. */
  eventstoredb?: EmbeddedEventStoreDbOptions | undefined;
  /** How KubeMQ behaves: which broker it is like, its token. */
  kubemq?: EmbeddedKubeMqOptions | undefined;
}

/** Stores in this process, empty at first and gone with it unless they are kept in `dataDir`. */
export interface Embedded {
  /** For a client's `carrier` option: calls without a network. Closing it leaves the stores open. */
  readonly carrier: Carrier;
  /**
   * For a client's `fetch` option, beside any `url`: the same as gRPC-Web, as it would come through a gateway. The only
   * way to `messagedb`.
   */
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
  const { systems, dataDir } = options;
  const others = systems?.filter((system) => system !== "messagedb");
  const withMessageDb = others !== undefined && others.length < (systems?.length ?? 0);
  if (dataDir !== undefined && !withMessageDb) throw new MillraceError("invalid_argument", '`dataDir` must be left out unless `systems` names "messagedb"');
  const embedded = embeddedOf(withMessageDb && others.length === 0 ? NONE : embeddedService({ ...options, systems: others }));
  if (!withMessageDb) return embedded;
  // PostgreSQL is some megabytes of code, which nobody loads for another system.
  const { serveMessageDb } = await import("./messagedb/serve.js");
  const messagedb = await serveMessageDb({ dataDir });
  return {
    ...embedded,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      return new URL(request.url).pathname.includes(MESSAGEDB_PATH) ? messagedb.fetch(request) : embedded.fetch(request);
    },
    async close() {
      await Promise.all([embedded.close(), messagedb.close()]);
    },
  };
}

/** A service without methods. */
const NONE: EmbeddedService = { methods: new Map(), maxRequestBytes: () => 0, close() {} };

/**
 * The servers that the options ask for, as one.
 *
 * @param whereabouts What EventStoreDB's gossip says; may be filled in later.
 * @throws {MillraceError} `invalid_argument`
 */
export function embeddedService({ systems = ["umadb", "eventstoredb", "kubemq"], apiKey, eventstoredb, kubemq }: EmbeddedOptions, whereabouts?: Whereabouts): EmbeddedService {
  if (systems.length === 0) throw new MillraceError("invalid_argument", "`systems` must name one at least, got none");
  return together([...new Set(systems)].map((system) => {
    if (system === "umadb") return embeddedUmaDb({ apiKey });
    if (system === "eventstoredb") return embeddedEventStoreDb(eventstoredb, whereabouts);
    if (system === "kubemq") return embeddedKubeMq(kubemq);
    throw new MillraceError("invalid_argument", `\`systems\` may name "umadb", "eventstoredb" and "kubemq", got ${JSON.stringify(system)}`);
  }));
}

/** Services that share no method, as one. */
function together(services: readonly EmbeddedService[]): EmbeddedService {
  const owner = (path: string): EmbeddedService => services.find(({ methods }) => methods.has(path)) ?? (services[0] as EmbeddedService);
  return {
    methods: new Map(services.flatMap(({ methods }) => [...methods])),
    maxRequestBytes: (path) => owner(path).maxRequestBytes(path),
    close() {
      for (const service of services) service.close();
    },
  };
}

/** A service by each way that needs no socket. */
export function embeddedOf(service: EmbeddedService): Embedded {
  const fetch = embeddedFetch(service);
  return {
    carrier: embeddedCarrier(service, fetch),
    fetch,
    async close() {
      service.close();
    },
  };
}
