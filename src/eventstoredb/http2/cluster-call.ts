import { MillraceError } from "../../core/errors.js";
import { backoffMs } from "../../core/backoff.js";
import { startTimer } from "../../core/signal.js";
import type { UpstreamCall, UpstreamEvents, UpstreamFailure, UpstreamRequest } from "../../carrier/http2/upstream.js";
import { leaderIn, MAX_HOPS } from "../discovery.js";
import type { NodeEndpoint } from "../endpoint.js";
import type { Cluster } from "./cluster.js";

/** The longest pause before the cluster is asked again, in milliseconds: an election takes some seconds. */
const MAX_PAUSE_MS = 1_000;

/** A longer request body is not kept for another node: its call fails where it would have been redirected. */
const REPLAY_BYTES = 4 * 1024 * 1024;

const PERSISTENT = "/event_store.client.persistent_subscriptions.";

/**
 * One call to a cluster. Until a node has answered its request is kept, so that it can be sent to another node when the
 * first one cannot be reached or says that it does not lead; after that it is that node's.
 */
export class ClusterCall implements UpstreamCall {
  readonly #cluster: Cluster;
  readonly #request: UpstreamRequest;
  readonly #events: UpstreamEvents;
  readonly #needsLeader: boolean;
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #ended = false;
  #paused = false;
  #over = false;
  #call: UpstreamCall | undefined;
  #blocked = false;
  #hops = 0;
  #failures = 0;
  /** Whether nodes have led each other on: then a node that cannot be reached is no end, whatever was connected to. */
  #redirected = false;
  #stopWaiting = (): void => undefined;

  constructor(cluster: Cluster, request: UpstreamRequest, events: UpstreamEvents) {
    this.#cluster = cluster;
    this.#request = request;
    this.#events = events;
    this.#needsLeader = request.headers["requires-leader"] === "true" || request.path.startsWith(PERSISTENT);
    void this.#begin();
  }

  get sent(): boolean {
    return this.#call?.sent === true;
  }

  write(bytes: Uint8Array): boolean {
    this.#keep(bytes);
    if (this.#call !== undefined) return this.#call.write(bytes);
    this.#blocked = true;
    return false;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.#keep(bytes);
    this.#ended = true;
    this.#call?.end(bytes);
  }

  pause(): void {
    this.#paused = true;
    this.#call?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#call?.resume();
  }

  leave(): void {
    this.#finish();
    this.#call?.leave();
  }

  /** What the node that has the call now tells of it. */
  #eventsOfNode(node: NodeEndpoint): UpstreamEvents {
    const forget = (): void => void this.#cluster.forget(node);
    return {
      headers: (headers) => {
        this.#commit();
        this.#events.headers(headers);
      },
      data: (bytes) => {
        this.#commit();
        this.#events.data(bytes);
      },
      writable: () => this.#events.writable(),
      late: () => this.#events.late?.(),
      goaway: () => {
        forget();
        this.#events.goaway?.();
      },
      end: (trailers) => {
        const leader = leaderIn(trailers);
        if (leader !== undefined) forget();
        if (leader !== undefined && this.#kept !== undefined) return void this.#redirect(leader, node);
        this.#finish();
        this.#events.end(trailers);
      },
      fail: (failure) => {
        forget();
        if (!failure.sent && this.#kept !== undefined && (this.#redirected || this.#cluster.connection.discover)) this.#pause(failure.error);
        else this.#fail(failure);
      },
    };
  }

  async #begin(): Promise<void> {
    try {
      const node = await this.#cluster.nodeFor(this.#needsLeader);
      if (!this.#over) this.#open(node);
    } catch (error) {
      if (!this.#over) this.#pause(error as MillraceError);
    }
  }

  #open(node: NodeEndpoint): void {
    const call = this.#cluster.upstreamOf(node).open(this.#request, this.#eventsOfNode(node));
    this.#call = call;
    if (this.#paused) call.pause();
    let room = true;
    for (const bytes of this.#kept ?? []) room = call.write(bytes);
    if (this.#ended) call.end();
    if (!this.#blocked || !room || this.#ended) return;
    this.#blocked = false;
    this.#events.writable();
  }

  async #redirect(leader: NodeEndpoint | "unknown", by: NodeEndpoint): Promise<void> {
    this.#call = undefined;
    this.#redirected = true;
    const refused = (message: string): void => this.#fail(unsent(new MillraceError("unavailable", message, { system: "eventstoredb" })));
    if (leader === "unknown" || ++this.#hops > MAX_HOPS) {
      return this.#pause(new MillraceError("unavailable", "The nodes of the cluster agree on no leader", { system: "eventstoredb" }));
    }
    if (!await this.#cluster.mayCall(leader, by)) return refused("A node named a leader at a host that the connection string, allowedNodes and its certificate do not name");
    if (this.#over) return;
    const { authorization } = this.#request.headers;
    // Another's credentials stay with the node that they were meant for; the next call finds the leader by itself.
    if (authorization !== undefined && authorization !== this.#cluster.authorization && !this.#cluster.forwardsCredentials) {
      return refused("The node does not lead its cluster, and the caller's credentials are not sent to another one");
    }
    this.#cluster.follow(leader);
    this.#open(leader);
  }

  /** Asks the cluster again after a while, if that has not been done often enough. */
  #pause(error: MillraceError): void {
    const { maxDiscoverAttempts, discoveryIntervalMs } = this.#cluster.connection;
    this.#hops = 0;
    this.#call = undefined;
    if (++this.#failures >= maxDiscoverAttempts) return this.#fail(unsent(error));
    const ms = backoffMs(this.#failures, { baseMs: discoveryIntervalMs, maxMs: MAX_PAUSE_MS }, 1);
    this.#stopWaiting = startTimer(ms, () => void this.#begin());
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#over) return;
    this.#finish();
    this.#events.fail(failure);
  }

  #keep(bytes: Uint8Array): void {
    if (this.#kept === undefined) return;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > REPLAY_BYTES && this.#call !== undefined) this.#kept = undefined;
    else this.#kept.push(bytes);
  }

  #commit(): void {
    this.#kept = undefined;
  }

  #finish(): void {
    this.#over = true;
    this.#kept = undefined;
    this.#stopWaiting();
  }
}

function unsent(error: MillraceError): UpstreamFailure {
  return { error, sent: false, answered: false };
}
