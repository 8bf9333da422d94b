import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { fieldOf, type BodyEvents, type GatewayRequest, type Handler, type HeaderFields, type RequestBody, type ResponseSink, type SinkEvents } from "./exchange.js";

type NodeRequest = IncomingMessage | Http2ServerRequest;
/** What both kinds of response have in common. */
type NodeResponse = (ServerResponse | Http2ServerResponse) & Pick<ServerResponse, "writeHead" | "flushHeaders" | "write" | "end" | "on">;

/** Answers a request of a Node server. */
export function answerNode(handle: Handler, request: NodeRequest, response: ServerResponse | Http2ServerResponse): void {
  handle(requestOf(request), new NodeSink(request, response as NodeResponse));
}

/** A request of a Node server, free of its types. */
export function requestOf(request: NodeRequest): GatewayRequest {
  const headers: HeaderFields = request.headers;
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    host: fieldOf(headers, ":authority") ?? hostOf(request),
    headers,
    client: {
      address: request.socket.remoteAddress ?? "",
      connection: "stream" in request ? (request.stream.session ?? request) : request.socket,
    },
    body: new NodeBody(request),
  };
}

/** One that names several hosts names none: which of them counts, a proxy on the way may have seen otherwise. */
function hostOf(request: NodeRequest): string | undefined {
  const hosts = request.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
  return hosts > 1 ? undefined : fieldOf(request.headers, "host");
}

class NodeBody implements RequestBody {
  readonly #request: NodeRequest;

  constructor(request: NodeRequest) {
    this.#request = request;
  }

  read(events: BodyEvents): void {
    this.#request.on("data", (bytes: Buffer) => events.data(bytes));
    this.#request.on("end", () => events.end());
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }
}

class NodeSink implements ResponseSink {
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;

  constructor(request: NodeRequest, response: NodeResponse) {
    this.#request = request;
    this.#response = response;
    // A connection that breaks is told by `close`; without a listener the error would end the process.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
  }

  listen(events: SinkEvents): void {
    this.#response.on("drain", () => events.writable());
    let finished = false;
    this.#response.on("finish", () => {
      finished = true;
      events.finished();
    });
    this.#response.on("close", () => {
      if (!finished) events.gone();
    });
  }

  open(status: number, headers: HeaderFields, lasting = false): void {
    const fields: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) fields[name] = typeof value === "string" ? value : [...value];
    }
    // What is left of a request that was answered early would be read as the connection's next one. And a browser drains
    // the body of a stream that its page has left, for seconds, to keep a connection that it was not told will close.
    if (this.#request.httpVersionMajor === 1 && (lasting || !this.#request.complete)) fields["connection"] = "close";
    this.#response.writeHead(status, fields);
  }

  flush(): void {
    this.#response.flushHeaders();
  }

  write(bytes: Uint8Array): boolean {
    return this.#response.write(bytes);
  }

  end(bytes?: Uint8Array): void {
    if (bytes === undefined) this.#response.end();
    else this.#response.end(bytes);
  }

  destroy(): void {
    if ("stream" in this.#request) this.#request.stream.close(RST_INTERNAL_ERROR);
    else this.#request.socket.destroy();
  }
}

/** HTTP/2's code for a stream that broke on the server's side. */
const RST_INTERNAL_ERROR = 2;
