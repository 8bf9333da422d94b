import { readFileSync } from "node:fs";
import { checkOptions, invalidArgument } from "../../core/arguments.js";
import { MillraceError } from "../../core/errors.js";
import { CarriedCall } from "../../carrier/http2/carried-call.js";
import { Upstream, type UpstreamCall, type UpstreamEvents, type UpstreamRequest } from "../../carrier/http2/upstream.js";
import { payloadsOf } from "../../wire/frames.js";
import { eventstoredbMethods } from "../../wire/methods.js";
import { parseConnectionString, type ConnectionString } from "../connection-string.js";
import { allowedBy, chooseMember, keyOf, membersOf } from "../discovery.js";
import type { NodeEndpoint } from "../endpoint.js";
import { isNamedByCertificate } from "./certificate-names.js";
import { ClusterCall } from "./cluster-call.js";

/** What a {@link Cluster} is told beside its connection string. */
export interface ClusterOptions {
  /** Certificate authorities to trust (PEM) instead of `tlsCAFile` and the system's. */
  ca?: string | undefined;
  /**
   * Nodes that gossip and redirects may lead to beside the hosts of the connection string and, over TLS, those that the
   * nodes' certificates name: `host` for any port, or `host:port`. None by default.
   */
  allowedNodes?: readonly string[] | undefined;
  /**
   * Whether a redirect carries the credentials of a call that has its own; true by default. A gateway, whose callers'
   * credentials are not its operator's to give away, says false.
   */
  forwardsCredentials?: boolean | undefined;
}

/** What only the leader does; another node would pass it on. */
const WRITES: ReadonlySet<string> = new Set(
  [eventstoredbMethods.append, eventstoredbMethods.batchAppend, eventstoredbMethods.delete, eventstoredbMethods.tombstone].map(({ path }) => path),
);

const MAX_GOSSIP_BYTES = 1024 * 1024;
const GOSSIP_LIFETIME_MS = 60_000;

/**
 * The nodes of one EventStoreDB as a single upstream. Each call goes to the node that is preferred, or to the leader if
 * it needs that; a node that names another leader is followed, and one that cannot be reached is replaced by asking the
 * others, as often as the connection string says. Only what certainly was not done is sent again.
 */
export class Cluster {
  readonly connection: ConnectionString;
  /** The connection string's own user, for calls that bring none; never without TLS. */
  readonly authorization: string | undefined;
  /** See {@link ClusterOptions.forwardsCredentials}. */
  readonly forwardsCredentials: boolean;
  readonly #ca: string | undefined;
  readonly #allowed: (node: NodeEndpoint) => boolean;
  readonly #nodes = new Map<string, Upstream>();
  /** By whether the leader is needed: the node that calls go to, or its discovery. */
  readonly #found = new Map<boolean, { readonly node: Promise<NodeEndpoint>; readonly until: number }>();
  readonly #closing = new AbortController();

  /**
   * Nothing is connected yet.
   *
   * @throws {MillraceError} `invalid_argument`, naming the option; nothing of the connection string is in the text.
   */
  constructor(connectionString: string, options: ClusterOptions = {}) {
    checkOptions("options", options, ["ca", "allowedNodes", "forwardsCredentials"], "");
    this.connection = parseConnectionString(connectionString);
    const { credentials, tls, tlsCaFile, hosts } = this.connection;
    if (options.allowedNodes !== undefined && !Array.isArray(options.allowedNodes)) throw invalidArgument("allowedNodes", options.allowedNodes, "must be an array", "eventstoredb");
    this.#allowed = allowedBy(hosts, options.allowedNodes ?? []);
    this.#ca = options.ca ?? (tlsCaFile === undefined ? undefined : readAuthority(tlsCaFile));
    this.authorization = credentials === undefined || !tls ? undefined : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64")}`;
    this.forwardsCredentials = options.forwardsCredentials ?? true;
    for (const host of hosts) this.upstreamOf(host);
  }

  /** As `Upstream.open()`. */
  open(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall {
    return new ClusterCall(this, { ...request, headers: this.#headers(request) }, events);
  }

  /** The connections to one node. */
  upstreamOf(node: NodeEndpoint): Upstream {
    const key = keyOf(node);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const upstream = new Upstream({ url: `${this.connection.tls ? "https" : "http"}://${key}`, ca: this.#ca });
    this.#nodes.set(key, upstream);
    return upstream;
  }

  /**
   * The node that a call goes to.
   *
   * @throws {MillraceError} `unavailable`: no node that may be called told of one that can answer.
   */
  nodeFor(needsLeader: boolean): Promise<NodeEndpoint> {
    const found = this.#found.get(needsLeader);
    if (found !== undefined && found.until > performance.now()) return found.node;
    const { hosts: [given], discover } = this.connection;
    if (!discover && given !== undefined) return Promise.resolve(given);
    const node = this.#discover(needsLeader);
    this.#keep(needsLeader, node);
    node.catch(() => this.#forget(needsLeader, node));
    return node;
  }

  /** A node failed, or does not lead any more: the next call asks anew. */
  async forget(node: NodeEndpoint): Promise<void> {
    for (const [needsLeader, { node: kept }] of [...this.#found]) {
      const known = await kept.catch(() => undefined);
      if (known !== undefined && keyOf(known) === keyOf(node)) this.#forget(needsLeader, kept);
    }
  }

  /** Takes a node's word for which one leads. */
  follow(leader: NodeEndpoint): void {
    this.#keep(true, Promise.resolve(leader));
    if (this.connection.discover && this.connection.nodePreference === "leader") this.#keep(false, Promise.resolve(leader));
  }

  /** Whether calls may go to a node that `by` names. */
  async mayCall(node: NodeEndpoint, by: NodeEndpoint): Promise<boolean> {
    if (this.#allowed(node)) return true;
    if (!this.connection.tls) return false;
    return isNamedByCertificate(node.host, { endpoint: by, ca: this.#ca, timeoutMs: this.connection.gossipTimeoutMs });
  }

  /** Ends all calls with `unavailable` and frees the connections. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new MillraceError("unavailable", "The connection was closed on this side", { system: "eventstoredb" }));
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
  }

  /** Aborted by {@link Cluster.close}. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  #headers({ headers, path }: UpstreamRequest): UpstreamRequest["headers"] {
    const { connectionName, discover, nodePreference } = this.connection;
    const leader = discover && (nodePreference === "leader" || WRITES.has(path));
    return {
      ...(leader && { "requires-leader": "true" }),
      ...(connectionName !== undefined && { "connection-name": connectionName }),
      ...headers,
    };
  }

  #keep(needsLeader: boolean, node: Promise<NodeEndpoint>): void {
    this.#found.set(needsLeader, { node, until: performance.now() + GOSSIP_LIFETIME_MS });
  }

  #forget(needsLeader: boolean, node: Promise<NodeEndpoint>): void {
    if (this.#found.get(needsLeader)?.node === node) this.#found.delete(needsLeader);
  }

  /** Asks all seeds at once: one that is gone must not hold up the others. */
  async #discover(needsLeader: boolean): Promise<NodeEndpoint> {
    try {
      return await Promise.any(this.connection.hosts.map((seed) => this.#ask(seed, needsLeader)));
    } catch (cause) {
      throw new MillraceError("unavailable", "No node of the cluster told of one that can be called", { system: "eventstoredb", reason: "upstream-lost", cause });
    }
  }

  async #ask(seed: NodeEndpoint, needsLeader: boolean): Promise<NodeEndpoint> {
    const members = membersOf(await this.#gossip(seed));
    const mayCall = await Promise.all(members.map(({ endpoint }) => this.mayCall(endpoint, seed)));
    const chosen = chooseMember(members.filter((_, at) => mayCall[at]), this.connection.nodePreference, needsLeader, Math.random);
    if (chosen === undefined) throw new MillraceError("unavailable", `A node named ${members.length} others, none of which can and may be called`, { system: "eventstoredb" });
    return chosen;
  }

  async #gossip(seed: NodeEndpoint): Promise<Uint8Array> {
    const { path, kind, lane, cancel } = eventstoredbMethods.gossip;
    const headers = new Headers(this.authorization === undefined ? {} : { authorization: this.authorization });
    const settings = { headers, maxMessageBytes: MAX_GOSSIP_BYTES };
    const timeoutMs = this.connection.gossipTimeoutMs;
    const { response } = new CarriedCall(this.upstreamOf(seed), settings, {
      path, kind, lane, cancel, headers: new Headers(), messages: [new Uint8Array()], timeoutMs, connectTimeoutMs: timeoutMs, signal: this.closed,
    });
    const chunk = await response.chunks.next();
    const answer = chunk.done === true ? undefined : payloadsOf(chunk.value)[0];
    await response.chunks.return?.();
    if (answer === undefined) throw new MillraceError("unavailable", "A node refused to tell of its cluster", { system: "eventstoredb" });
    return answer;
  }
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new MillraceError("invalid_argument", "`connectionString` names a tlsCAFile that cannot be read", { system: "eventstoredb", cause });
  }
}
