import { createServer, type AddressInfo } from "node:net";
import type { FaultRule } from "./fault.js";
import type { Goaway, WatchedCall } from "./h2-watch.js";
import { ProxiedConnection } from "./proxied-connection.js";

export interface CountingProxyOptions {
  /** Where the HTTP/2 server listens, without TLS: `http://127.0.0.1:PORT`. */
  target: string;
  /** Asked at every moment of every call; may be exchanged later by `proxy.fault`. */
  fault?: FaultRule;
  /** Makes the server's SETTINGS announce at most this many concurrent streams a connection. */
  maxConcurrentStreams?: number;
}

export interface ProxyCounts {
  readonly connections: number;
  readonly connectionsOpen: number;
  readonly opened: number;
  readonly open: number;
  /** Ended by the server's END_STREAM. */
  readonly finished: number;
  readonly resetByClient: number;
  readonly resetByServer: number;
  /** Were open when their connection went. */
  readonly lost: number;
}

/** Stands in front of an HTTP/2 server, forwards bytes unchanged, counts calls, and breaks connections when told to. */
export interface CountingProxy {
  /** `http://127.0.0.1:PORT`, to be given to the client. */
  readonly url: string;
  readonly port: number;
  /** All there ever were, in order. */
  readonly connections: readonly ProxiedConnection[];
  /** All calls there ever were, by connection, then in the order they were opened. */
  calls(path?: string): WatchedCall[];
  /** Calls that have not ended: no END_STREAM from the server, no reset, connection there. */
  openCalls(path?: string): WatchedCall[];
  /** @param path Only calls of this method, `/package.Service/Method`. Connections are counted in any case. */
  counts(path?: string): ProxyCounts;
  goaways(): Goaway[];
  fault: FaultRule | undefined;
  /** False: new connections are reset at once, as after a network went away. */
  accepting: boolean;
  /** Resolves as soon as the condition holds; rejects with the counts when it does not within the time. */
  until(condition: () => boolean, timeoutMs: number): Promise<void>;
  /** Drops every connection. Idempotent. */
  close(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startCountingProxy(options: CountingProxyOptions): Promise<CountingProxy> {
  const target = new URL(options.target);
  const connections: ProxiedConnection[] = [];
  const waiters = new Set<() => void>();
  const changed = (): void => waiters.forEach((check) => check());

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (!proxy.accepting) return void socket.resetAndDestroy();
    connections.push(
      new ProxiedConnection(socket, {
        id: connections.length,
        host: target.hostname,
        port: Number(target.port),
        maxConcurrentStreams: options.maxConcurrentStreams,
        fault: (call, stage) => proxy.fault?.(call, stage),
        changed,
      }),
    );
    changed();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  const proxy: CountingProxy = {
    url: `http://127.0.0.1:${port}`,
    port,
    connections,
    fault: options.fault,
    accepting: true,
    calls: (path) => connections.flatMap((connection) => ofPath(connection.watch.calls, path)),
    openCalls: (path) => connections.flatMap((connection) => ofPath(connection.watch.openCalls, path)),
    counts: (path) => count(connections, path),
    goaways: () => connections.flatMap((connection) => connection.watch.goaways),
    until: (condition, timeoutMs) => until(waiters, condition, timeoutMs, () => JSON.stringify(count(connections))),
    async close() {
      for (const connection of connections) connection.cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

function ofPath(calls: readonly WatchedCall[], path: string | undefined): WatchedCall[] {
  return calls.filter((call) => path === undefined || call.path === path);
}

function count(connections: readonly ProxiedConnection[], path?: string): ProxyCounts {
  const calls = connections.flatMap((connection) => ofPath(connection.watch.calls, path));
  const ended = (how: string, by: string): number => calls.filter(({ end }) => end?.how === how && end.by === by).length;
  return {
    connections: connections.length,
    connectionsOpen: connections.filter(({ closed }) => !closed).length,
    opened: calls.length,
    open: calls.filter(({ end }) => end === undefined).length,
    finished: ended("finished", "server"),
    resetByClient: ended("reset", "client"),
    resetByServer: ended("reset", "server"),
    lost: ended("lost", "connection"),
  };
}

function until(waiters: Set<() => void>, condition: () => boolean, timeoutMs: number, describe: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      if (!condition()) return;
      finish();
      resolve();
    };
    const finish = (): void => {
      clearTimeout(timer);
      waiters.delete(check);
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error(`Not within ${timeoutMs} ms; the proxy counted ${describe()}`));
    }, timeoutMs);
    waiters.add(check);
    check();
  });
}
