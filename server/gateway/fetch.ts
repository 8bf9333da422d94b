import { onAbort } from "millrace/internal/core/signal";
import type { BodyEvents, Client, GatewayRequest, Handler, HeaderFields, RequestBody, ResponseSink, SinkEvents } from "./exchange.js";

/** Response bytes that are kept ready for a page that does not read, at most, beyond the chunk that passes this. */
const HIGH_WATER_BYTES = 64 * 1024;
const ANONYMOUS: Client = { address: "", connection: {} };

/** Answers a web-standard request. Rejects only when the caller aborts it before there is a response, with its reason. */
export function answerFetch(handle: Handler, request: Request, client: Client = ANONYMOUS): Promise<Response> {
  const sink = new FetchSink();
  sink.follow(request.signal);
  if (!sink.over) handle(requestOf(request, client, sink), sink);
  return sink.response;
}

function requestOf(request: Request, client: Client, sink: FetchSink): GatewayRequest {
  const url = new URL(request.url);
  return {
    method: request.method,
    target: url.pathname + url.search,
    host: request.headers.get("host") ?? url.host,
    headers: Object.fromEntries(request.headers),
    client,
    body: new FetchBody(request, sink),
  };
}

class FetchBody implements RequestBody {
  readonly #request: Request;
  readonly #sink: FetchSink;
  #paused: Promise<void> | undefined;
  #resume = (): void => undefined;

  constructor(request: Request, sink: FetchSink) {
    this.#request = request;
    this.#sink = sink;
  }

  read(events: BodyEvents): void {
    void this.#pump(events).catch((error: unknown) => this.#sink.leave(error));
  }

  pause(): void {
    this.#paused ??= new Promise((resolve) => (this.#resume = resolve));
  }

  resume(): void {
    this.#paused = undefined;
    this.#resume();
  }

  async #pump(events: BodyEvents): Promise<void> {
    const reader = this.#request.body?.getReader();
    for (;;) {
      await this.#paused;
      const read = await reader?.read();
      if (read === undefined || read.done) break;
      events.data(read.value as Uint8Array);
    }
    events.end();
  }
}

class FetchSink implements ResponseSink {
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  #events: SinkEvents | undefined;
  #head: { readonly status: number; readonly headers: Headers } | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unfollow = (): void => undefined;
  #blocked = false;
  #ended = false;
  #over = false;

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether the response is read to its end, or broken off. */
  get over(): boolean {
    return this.#over;
  }

  /** The caller leaves when `signal` is aborted. */
  follow(signal: AbortSignal): void {
    this.#unfollow = onAbort(signal, (reason) => this.leave(reason));
    if (this.#over) this.#unfollow();
  }

  listen(events: SinkEvents): void {
    this.#events = events;
  }

  open(status: number, headers: HeaderFields): void {
    const fields = new Headers();
    for (const [name, value] of Object.entries(headers)) {
      for (const one of typeof value === "string" ? [value] : (value ?? [])) fields.append(name, one);
    }
    this.#head = { status, headers: fields };
  }

  flush(): void {
    if (this.#body !== undefined || this.#head === undefined || this.#over) return;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#body = controller),
      pull: () => this.#pulled(),
      cancel: (reason) => this.leave(reason),
    }, { highWaterMark: HIGH_WATER_BYTES, size: (bytes) => bytes.length });
    this.#resolve(new Response(body, this.#head));
  }

  write(bytes: Uint8Array): boolean {
    this.flush();
    if (this.#over) return true;
    this.#body?.enqueue(bytes);
    this.#blocked = (this.#body?.desiredSize ?? 1) <= 0;
    return !this.#blocked;
  }

  end(bytes?: Uint8Array): void {
    if (bytes === undefined && this.#body === undefined && this.#head !== undefined) this.#resolve(new Response(null, this.#head));
    else if (bytes !== undefined) this.write(bytes);
    this.#ended = true;
    this.#finishWhenRead();
  }

  destroy(): void {
    this.#break(new Error("The response was broken off"));
  }

  /** The caller is gone. */
  leave(reason: unknown): void {
    if (this.#over) return;
    this.#break(reason);
    this.#events?.gone();
  }

  #break(reason: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#reject(reason);
    this.#body?.error(reason);
  }

  /** A stream that is closed does not tell any more that it is read, so it is left open for as long. */
  #finishWhenRead(): void {
    if (this.#over || (this.#body?.desiredSize ?? HIGH_WATER_BYTES) < HIGH_WATER_BYTES) return;
    this.#end();
    this.#body?.close();
    this.#events?.finished();
  }

  #end(): void {
    this.#over = true;
    this.#unfollow();
  }

  #pulled(): void {
    if (this.#ended) return this.#finishWhenRead();
    if (!this.#blocked || this.#over) return;
    this.#blocked = false;
    this.#events?.writable();
  }
}
