import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { MillraceError } from "millrace/internal/core/errors";
import { answerGrpc } from "./grpc-node.js";
import { answerGrpcWeb } from "./grpc-web-node.js";
import { sniffHttp2 } from "./sniff-http2.js";
import type { EmbeddedService } from "./service.js";
import { embeddedOf, embeddedService, type Embedded, type EmbeddedOptions } from "./start.js";

/** How long open connections may take to end by themselves when the server closes, in milliseconds. */
const CLOSE_MS = 2_000;

/** Windows and buffers of the real server, so that no limit of Node's is met before one of its. */
const HTTP2_OPTIONS = { maxSessionMemory: 1_000, settings: { initialWindowSize: 4 * 1024 * 1024 } };
const SESSION_WINDOW = 8 * 1024 * 1024;

/** What an embedded server that listens is like. */
export interface ListenEmbeddedOptions extends EmbeddedOptions {
  /** `HOST:PORT`, `127.0.0.1:0` by default: port 0 takes a free one. IPv6 addresses stand in brackets. */
  listen?: string | undefined;
  /** The certificate chain and its key, both PEM: then it listens with TLS alone. Without TLS by default. */
  tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** Embedded servers that other processes can reach; in this one they are there without a socket too. */
export interface ListeningEmbedded extends Embedded {
  /** `http://HOST:PORT`, or `https:` with TLS */
  readonly url: string;
  /** `HOST:PORT` */
  readonly address: string;
  /**
   * Ends as the real server does: health says NOT_SERVING, streams end with OK, and the connections close; those that
   * have not after 2 s are cut. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Starts embedded servers and listens: for native gRPC (HTTP/2 without TLS, what the systems' own clients speak) and
 * for gRPC-Web over HTTP/1.1, on one port. Pages are refused: their way is the gateway.
 *
 * @throws {MillraceError} `invalid_argument` for an option that is wrong; `unavailable` when the address is not to be had.
 */
export async function listenEmbedded(options: ListenEmbeddedOptions = {}): Promise<ListeningEmbedded> {
  const { host, port } = parseListen(options.listen ?? "127.0.0.1:0");
  const whereabouts = { address: host, port };
  const service = embeddedService(options, whereabouts);
  const front = new Front(service, options.tls);
  await front.listen(host, port);
  whereabouts.port = front.port;
  const address = `${host.includes(":") ? `[${host}]` : host}:${front.port}`;
  const { carrier, fetch } = embeddedOf(service);
  let closed: Promise<void> | undefined;
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${address}`,
    address,
    carrier,
    fetch,
    close: () => (closed ??= front.close()),
  };
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new MillraceError("invalid_argument", `\`listen\` must be HOST:PORT, such as 127.0.0.1:50051, got ${JSON.stringify(text)}`);
  }
  return { host: (match[1] ?? match[2]) as string, port };
}

/** The socket and what stands behind it. */
class Front {
  readonly #service: EmbeddedService;
  readonly #http1 = createHttpServer({ requestTimeout: 0 });
  readonly #http2 = createHttp2Server(HTTP2_OPTIONS);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections without a call that could still be answered; HTTP/2 sessions know theirs themselves. */
  readonly #idle = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #closing = false;

  constructor(service: EmbeddedService, tls: ListenEmbeddedOptions["tls"]) {
    this.#service = service;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = tls === undefined ? createServer(accept) : createTlsServer({ ...tls, ALPNProtocols: ["h2", "http/1.1"] }, accept);
    this.#http2.on("session", (session) => this.#begin(session));
    this.#http2.on("stream", (stream, fields) => { void answerGrpc(service, stream, fields); });
    this.#http1.on("request", (request, response) => {
      this.#idle.delete(request.socket);
      response.on("finish", () => this.#rest(request.socket));
      void answerGrpcWeb(service, request, response);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause) => {
        reject(new MillraceError("unavailable", `Cannot listen on ${host}:${port}: ${cause.message}`, { cause }));
      });
      this.#server.listen(port, host, resolve);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#service.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions) session.close();
    for (const socket of this.#idle) socket.end();
    const late = setTimeout(() => { for (const socket of this.#sockets) socket.destroy(); }, CLOSE_MS);
    await closed;
    clearTimeout(late);
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    this.#sockets.add(socket);
    this.#idle.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#idle.delete(socket);
    });
    sniffHttp2(socket, (http2) => {
      if (http2) this.#idle.delete(socket);
      (http2 ? this.#http2 : this.#http1).emit("connection", socket);
    });
  }

  #rest(socket: Socket): void {
    if (this.#closing) socket.end();
    else if (!socket.destroyed) this.#idle.add(socket);
  }

  #begin(session: ServerHttp2Session): void {
    session.setLocalWindowSize(SESSION_WINDOW);
    session.on("error", () => undefined);
    this.#sessions.add(session);
    session.on("close", () => this.#sessions.delete(session));
    if (this.#closing) session.close();
  }
}
