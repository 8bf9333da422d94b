import { createSecureServer, createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";

/** A call as the fake server sees it. */
export interface FakeCall {
  readonly headers: IncomingHttpHeaders;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
}

export interface FakeServer {
  readonly url: string;
  /** Sessions that are open. */
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  /** Every call there ever was, in order. */
  readonly calls: readonly FakeCall[];
  /** Connections there ever were. */
  readonly connections: readonly Socket[];
  close(): Promise<void>;
}

/** Response headers of a proper gRPC answer. */
export const grpcHeaders = { ":status": 200, "content-type": "application/grpc" } as const;

/** Answers a call with messages and a status. */
export function answer(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string> = { "grpc-status": "0" }): void {
  stream.respond(grpcHeaders, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

/** An HTTP/2 server on a free port that does with each call what `handle` says. */
export function startFakeServer(
  handle: (call: FakeCall) => void,
  options: { settings?: Settings; tls?: { cert: string; key: string } } = {},
): Promise<FakeServer> {
  const server = options.tls === undefined ? createServer({ settings: options.settings }) : createSecureServer({ ...options.tls, settings: options.settings });
  const sessions = new Set<ServerHttp2Session>();
  const calls: FakeCall[] = [];
  const connections: Socket[] = [];
  server.on("connection", (socket: Socket) => connections.push(socket));
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.on("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const call = { stream, headers, session: stream.session as ServerHttp2Session };
    calls.push(call);
    handle(call);
  });
  const close = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    for (const session of sessions) session.destroy();
    for (const socket of connections) socket.destroy();
  });
  return listening(server, (port) => ({
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`, sessions, calls, connections, close,
  }));
}

/** A TCP server on a free port that accepts and then does what `handle` says, by default nothing. */
export function startTcpServer(handle: (socket: Socket) => void = () => undefined): Promise<Pick<FakeServer, "url" | "connections" | "close">> {
  const connections: Socket[] = [];
  const server = createTcpServer((socket) => {
    connections.push(socket);
    socket.on("error", () => undefined);
    handle(socket);
  });
  const close = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of connections) socket.destroy();
  });
  return listening(server, (port) => ({ url: `http://127.0.0.1:${port}`, connections, close }));
}

function listening<T>(server: ReturnType<typeof createTcpServer>, describe: (port: number) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(describe((server.address() as AddressInfo).port)));
  });
}
