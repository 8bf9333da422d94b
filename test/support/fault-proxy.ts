import { createServer, type AddressInfo } from "node:net";
import { FaultConnection, type ProxyFault } from "./fault-proxy-connection.js";
import { Http1Phases } from "./fault-proxy-http1.js";
import { Http2Phases } from "./fault-proxy-http2.js";
import type { Phase } from "./fault-proxy-phases.js";

/** A fault that struck, and where its connection stood. */
export interface Struck {
  readonly fault: ProxyFault;
  readonly phase: Phase;
}

/** Stands before a server, forwards bytes unchanged, and breaks connections at the moments it is told. */
export interface FaultProxy {
  /** `http://127.0.0.1:PORT`, to be given to the client. */
  readonly url: string;
  /** All faults that struck, in order. */
  readonly struck: readonly Struck[];
  /** Where the open connections stand; those that a blow has ended are not among them. */
  readonly phases: readonly Phase[];
  /** Sockets of clients that are open, whatever befell them. */
  readonly open: number;
  /** Whether a fault waits for its moment. */
  readonly armed: boolean;
  /** Strikes a connection that is there if it stands so, otherwise the first that comes to. One fault waits at a time. */
  arm(fault: ProxyFault): void;
  /** Resets a connection that has an open response, to make its client connect again. @returns Whether there was one. */
  loseOne(luck: number): boolean;
  /** Drops every connection. */
  close(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1. @param target Where the server listens, without TLS. */
export async function startFaultProxy(target: string, protocol: "http1" | "http2"): Promise<FaultProxy> {
  const { hostname: host, port: targetPort } = new URL(target);
  const connections = new Set<FaultConnection>();
  const struck: Struck[] = [];
  let armed: ProxyFault | undefined;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection: FaultConnection = new FaultConnection(socket, {
      host,
      port: Number(targetPort),
      watch: protocol === "http1" ? new Http1Phases() : new Http2Phases(),
      armed: () => armed,
      struck(fault, phase) {
        if (fault === armed) armed = undefined;
        struck.push({ fault, phase });
      },
      closed: () => connections.delete(connection),
    });
    connections.add(connection);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  const strikeOne = (fault: ProxyFault, phases: readonly (Phase | undefined)[]): boolean => {
    const there = [...connections].filter(({ phase }) => phases.includes(phase));
    const chosen = there[Math.floor(fault.luck * there.length)];
    chosen?.strike(fault);
    return chosen !== undefined;
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    struck,
    get phases() {
      return [...connections].flatMap(({ phase }) => phase ?? []);
    },
    get open() {
      return connections.size;
    },
    get armed() {
      return armed !== undefined;
    },
    arm(fault) {
      if (armed !== undefined) throw new Error("A fault is armed already");
      if (fault.where !== "idle" || !strikeOne(fault, ["idle"])) armed = fault;
    },
    loseOne: (luck) => strikeOne({ where: "idle", how: "reset", luck, ms: 0 }, ["idle", "mid-frame"]),
    async close() {
      armed = undefined;
      for (const connection of connections) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
