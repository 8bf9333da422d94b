import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as a {@link WebServer} saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Resolves with the whole body. */
  readonly body: Promise<Buffer>;
  /** Resolves when the client has left before the answer was complete. */
  readonly left: Promise<void>;
}

/** A plain HTTP/1.1 server on a free port that answers as a test wants. */
export interface WebServer {
  readonly url: string;
  /** In the order in which they came. */
  readonly requests: SeenRequest[];
  /** Connections accepted so far. */
  readonly sockets: () => number;
  close(): Promise<void>;
}

/** Starts a server; `answer` may do anything to the response, never answering included. */
export async function startWebServer(answer: (response: ServerResponse, request: SeenRequest) => unknown): Promise<WebServer> {
  const requests: SeenRequest[] = [];
  let sockets = 0;
  const server = createServer((request, response) => {
    const seen = see(request, response);
    requests.push(seen);
    void answer(response, seen);
  });
  server.on("connection", () => { sockets++; });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sockets: () => sockets,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function see(request: IncomingMessage, response: ServerResponse): SeenRequest {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    body: new Promise((resolve) => { request.on("end", () => resolve(Buffer.concat(chunks))); }),
    left: new Promise((resolve) => { response.on("close", () => { if (!response.writableFinished) resolve(); }); }),
  };
}
