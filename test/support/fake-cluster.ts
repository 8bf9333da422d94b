import type { ServerHttp2Stream } from "node:http2";
import { ClusterInfo, MemberInfo_VNodeState } from "millrace/internal/gen/static/event_store/client/gossip/gossip";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { answer, grpcHeaders, startFakeServer, type FakeCall, type FakeServer } from "./fake-grpc-server.js";

/** One node of a {@link FakeCluster}. */
export interface FakeNode {
  readonly server: FakeServer;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly port: number;
  /** What it was asked, gossip left out, in order. */
  readonly asked: FakeCall[];
  /** Which node it takes for the leader, by number. */
  believes: number;
  /** Drops everybody and is gone. */
  die(): Promise<void>;
}

/**
 * Nodes that gossip and name their leader as recorded ones do: gossip calls every node alive, even one that died a moment
 * ago, and a node that does not lead refuses what needs the leader, trailers-only.
 */
export class FakeCluster {
  readonly nodes: FakeNode[] = [];
  /** Hosts that gossip and redirects name; `127.0.0.1` unless a test says otherwise. */
  host = "127.0.0.1";
  readonly #tls: { cert: string; key: string } | undefined;
  readonly #lead: (call: FakeCall, node: number) => void;

  constructor(lead: (call: FakeCall, node: number) => void, tls?: { cert: string; key: string }) {
    this.#lead = lead;
    this.#tls = tls;
  }

  /** Starts a number of nodes; the first one leads. */
  async start(count: number): Promise<this> {
    for (let at = 0; at < count; at++) {
      const server = await startFakeServer((call) => this.#answer(at, call), { ...(this.#tls && { tls: this.#tls }) });
      const port = Number(new URL(server.url).port);
      this.nodes.push({ server, port, address: `127.0.0.1:${port}`, asked: [], believes: 0, die: () => server.close() });
    }
    return this;
  }

  /** Lets all nodes believe in another leader. */
  elect(leader: number): void {
    for (const node of this.nodes) node.believes = leader;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.close()));
  }

  #answer(at: number, call: FakeCall): void {
    const node = this.nodes[at] as FakeNode;
    call.stream.resume();
    if (call.headers[":path"] === eventstoredbMethods.gossip.path) return answer(call.stream, encodeEnvelope(this.#gossip(node)));
    node.asked.push(call);
    const needsLeader = call.headers["requires-leader"] === "true" || String(call.headers[":path"]).includes("persistent_subscriptions");
    if (node.believes !== at && needsLeader) return this.#notLeader(call.stream, node.believes);
    this.#lead(call, at);
  }

  #notLeader(stream: ServerHttp2Stream, leader: number): void {
    stream.respond({
      ...grpcHeaders, "grpc-status": "5", "grpc-message": "Leader info available", exception: "not-leader",
      "leader-endpoint-host": this.host, "leader-endpoint-port": String(this.nodes[leader]?.port),
    }, { endStream: true });
  }

  #gossip(asked: FakeNode): Uint8Array {
    const members = this.nodes.map(({ port }, at) => ({
      instanceId: undefined, timeStamp: 0n, isAlive: true, httpEndPoint: { address: this.host, port },
      state: asked.believes === at ? MemberInfo_VNodeState.Leader : MemberInfo_VNodeState.Follower,
    }));
    return ClusterInfo.encode({ members }).finish();
  }
}
