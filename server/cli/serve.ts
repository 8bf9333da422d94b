import { createServer, type Server } from "node:http";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayOptions } from "../gateway/index.js";
import { resolveLimits } from "../gateway/limits.js";
import { isMillraceError } from "millrace";
import { ConfigError } from "./config-error.js";
import { urlHost, type ListenAddress } from "./listen-address.js";

/** Larger than what is let through, so that it is the gateway that says what is wrong. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Longer than browsers and proxies keep idle connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 75_000;
/** HTTP/2 streams of a connection beyond its calls: for other requests, and so that one call too many is refused in words. */
const SPARE_STREAMS = 16;
/** For the last bytes of responses whose calls have ended. */
const LAST_BYTES_MS = 1_000;

/** A gateway that listens. */
export interface RunningGateway {
  /** Where it serves: `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly url: string;
  /** Stops taking connections, drains what is open, and resolves when nothing is left. Idempotent. */
  close(): Promise<void>;
}

/** What to serve, and where. */
export interface ServeSettings {
  readonly listen: ListenAddress;
  /** Certificate chain and key (PEM): serves HTTP/2 and HTTP/1.1 over TLS. Without them HTTP/1.1 in the clear. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly options: GatewayOptions;
}

/**
 * Makes a gateway and serves it.
 *
 * @throws {ConfigError} When an option is wrong, the address cannot be listened on, or certificate and key do not work.
 */
export async function serveGateway({ listen, tls, options }: ServeSettings): Promise<RunningGateway> {
  const gateway = makeGateway(options);
  const front = tls === undefined ? plainFront() : secureFront(tls, resolveLimits(options.limits).callsPerConnection + SPARE_STREAMS);
  front.server.on("request", gateway.node);
  front.server.on("upgrade", gateway.upgrade);
  try {
    await checkStores(gateway, options);
    await listening(front.server, listen);
  } catch (error) {
    await gateway.close();
    throw error;
  }
  const { port } = front.server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    url: `${tls === undefined ? "http" : "https"}://${urlHost(listen.host)}:${port}`,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    const ended = new Promise<void>((resolve) => front.server.close(() => resolve()));
    front.closeIdle();
    await gateway.close();
    front.closeIdle();
    const timer = setTimeout(() => front.closeAll(), LAST_BYTES_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** What has to be changed is said before anything is served; what is only away may come. */
async function checkStores(gateway: Gateway, { log }: GatewayOptions): Promise<void> {
  try {
    await gateway.check();
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    if (error.code !== "unavailable") throw new ConfigError(`messagedb: ${error.message}`);
    log?.warn({ system: error.system }, `${error.message}; it is tried again with each call`);
  }
}

interface Front {
  readonly server: Server | Http2SecureServer;
  closeIdle(): void;
  closeAll(): void;
}

function plainFront(): Front {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS, highWaterMark: 64 * 1024 });
  return { server, closeIdle: () => server.closeIdleConnections(), closeAll: () => server.closeAllConnections() };
}

function secureFront({ cert, key }: { readonly cert: string; readonly key: string }, maxConcurrentStreams: number): Front {
  let server: Http2SecureServer;
  // `maxHeaderSize` and `keepAliveTimeout` are for HTTP/1.1 on the same port.
  const options = { allowHTTP1: true, cert, key, settings: { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams }, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS };
  try {
    server = createSecureServer(options);
  } catch (error) {
    throw new ConfigError(`tls: certificate and key do not work (${(error as NodeJS.ErrnoException).code ?? "unknown reason"})`);
  }
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<{ destroy(): void }>();
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.on("close", () => sessions.delete(session));
  });
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return {
    server,
    closeIdle: () => sessions.forEach((session) => session.close()),
    closeAll: () => sockets.forEach((socket) => socket.destroy()),
  };
}

function listening(server: Server | Http2SecureServer, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(new ConfigError(`listen: ${urlHost(host)}:${port} cannot be used (${error.code ?? "unknown reason"})`)));
    server.listen(port, host, () => resolve());
  });
}

function makeGateway(options: GatewayOptions): ReturnType<typeof createGateway> {
  try {
    return createGateway(options);
  } catch (error) {
    if (!isMillraceError(error, "invalid_argument")) throw error;
    throw new ConfigError(error.message);
  }
}
