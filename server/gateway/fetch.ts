import type { BodyEvents, Client, GatewayRequest, Handler, HeaderFields, RequestBody, ResponseSink, SinkEvents } from "./exchange.js";

/** Response bytes that are kept ready for a page that does not read, at most, beyond the chunk that passes this. */
const HIGH_WATER_BYTES = 64 * 1024;
const ANONYMOUS: Client = { address: "", connection: {} };

/** Answers a web-standard request. Rejects only when the caller aborts it before there is a response. */
export function answerFetch(handle: Handler, request: Request, client: Client = ANONYMOUS): Promise<Response> {
  const sink = new FetchSink();
  request.signal.addEventListener("abort", () => sink.leave(), { once: true });
  handle(requestOf(request, client, sink), sink);
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
    void this.#pump(events).catch(() => this.#sink.leave());
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
  #reject!: (error: Error) => void;
  #events: SinkEvents | undefined;
  #head: { readonly status: number; readonly headers: Headers } | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #blocked = false;
  #over = false;

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
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
      pull: () => this.#drained(),
      cancel: () => this.leave(),
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
    if (this.#over) return;
    this.#over = true;
    this.#body?.close();
    this.#events?.finished();
  }

  destroy(): void {
    this.#break();
  }

  /** The caller is gone. */
  leave(): void {
    if (this.#over) return;
    this.#break();
    this.#events?.gone();
  }

  #break(): void {
    if (this.#over) return;
    this.#over = true;
    const error = new Error("The response was broken off");
    this.#reject(error);
    this.#body?.error(error);
  }

  #drained(): void {
    if (!this.#blocked || this.#over) return;
    this.#blocked = false;
    this.#events?.drain();
  }
}
