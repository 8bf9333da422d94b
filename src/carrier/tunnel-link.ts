import type { MillraceError } from "../core/errors.js";
import { MAX_TUNNEL_CALLS, TUNNEL_PATH, TUNNEL_PROTOCOL, tunnelClose } from "../wire/tunnel.js";
import { YamuxError } from "../wire/yamux.js";
import { YamuxSession } from "../wire/yamux-session.js";
import type { YamuxStream, YamuxStreamEvents } from "../wire/yamux-stream.js";
import type { GatewayUrl } from "../core/gateway-url.js";
import { encodeHead, HeadReader } from "./tunnel-head.js";
import type { TunnelTools } from "./tunnel-tools.js";

/** What a tunnel needs of a WebSocket; the platform's and that of the package ws have it. */
export interface WebSocketLike {
  /** Set to `arraybuffer` before the first message. */
  binaryType: string;
  /** The subprotocol that the gateway agreed to. */
  readonly protocol: string;
  /** Sends one binary message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Begins to close; `close` is told when that is done. */
  close(code?: number): void;
  /** Listens to what becomes of the socket. */
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: WebSocketEventLike) => void): void;
}

/** What a tunnel reads of a WebSocket's events. */
export interface WebSocketEventLike {
  /** Which event it is. */
  readonly type: string;
  /** A message's content. */
  readonly data?: unknown;
  /** Why the socket was closed. */
  readonly code?: number;
}

/** A WebSocket class: the platform's, or that of the package ws. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Where a {@link TunnelLink} leads, and how. */
export interface TunnelSettings {
  readonly gateway: GatewayUrl;
  readonly webSocket: WebSocketConstructor | undefined;
  /** What the first message carries; `refresh` after a tunnel that ended with `unauthenticated`. */
  readonly headers: ((refresh: boolean) => Promise<Headers>) | undefined;
  readonly connectTimeoutMs: number;
  readonly tools: TunnelTools;
}

/** Frames that leave in one message, about; a message is refused far above that. */
const BATCH_BYTES = 64 * 1024;

/** One WebSocket, from its opening to its loss. */
export class TunnelLink {
  /** Resolves when calls can be made; rejects with why that will never be. */
  readonly ready: Promise<void>;
  readonly #settings: TunnelSettings;
  readonly #session: YamuxSession;
  #settle!: { resolve(): void; reject(error: unknown): void };
  #socket: WebSocketLike | undefined;
  #isReady = false;
  #isRefused = false;
  #goneAway = false;
  #failure: MillraceError | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #silenceMs: number | undefined;
  #heardAt = 0;
  #stopWatching = (): void => {};
  readonly #stopConnecting: () => void;

  /** @param refresh Whether the last tunnel ended with `unauthenticated`. */
  constructor(settings: TunnelSettings, refresh: boolean) {
    this.#settings = settings;
    this.ready = new Promise<void>((resolve, reject) => { this.#settle = { resolve, reject }; });
    this.ready.catch(() => {});
    this.#session = new YamuxSession({
      role: "client",
      send: (bytes) => this.#send(bytes),
      maxStreams: MAX_TUNNEL_CALLS,
      goneAway: () => {
        this.#goneAway = true;
        this.rest();
      },
    });
    const ms = settings.connectTimeoutMs;
    this.#stopConnecting = settings.tools.startTimer(ms, () => this.#refuse(this.#error("unavailable", `${settings.gateway.origin} gave no tunnel within ${ms} ms`)));
    this.#connect(refresh).catch((error: unknown) => this.close(error));
  }

  /** Whether it leads, or will lead, to a gateway that takes calls. */
  get usable(): boolean {
    return this.#failure === undefined && !this.#goneAway;
  }

  /** Whether it leads to a gateway that takes calls at once. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why it is lost, once it is. */
  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  /** Whether it never stood although nobody said why: no WebSocket here, nobody there, or something between that lets none through. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Opens a call's stream; only once it is ready.
   *
   * @throws {MillraceError} `resource_exhausted` above 1 024 calls, `unavailable` when the gateway takes no more.
   */
  open(events: YamuxStreamEvents): YamuxStream {
    if (!this.usable) throw this.#error("unavailable", "The tunnel takes no more calls", { cause: this.#failure });
    if (!this.#session.canOpen) throw this.#error("resource_exhausted", `A tunnel carries ${MAX_TUNNEL_CALLS} calls at a time`, { reason: "limit" });
    return this.#session.open(events);
  }

  /** A call has ended: closes the socket if it was the last one of a tunnel that takes no more. */
  rest(): void {
    if (this.#goneAway && this.#session.openStreams === 0) this.close(this.#error("unavailable", "The gateway has shut down", { reason: "drain" }));
  }

  /** Ends every call with `error` and closes the socket. Idempotent. */
  close(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error as MillraceError;
    this.#stopConnecting();
    this.#stopWatching();
    this.#settle.reject(error);
    this.#session.fail(error);
    this.#flush();
    this.#socket?.close();
  }

  async #connect(refresh: boolean): Promise<void> {
    const { gateway, headers } = this.#settings;
    const hello = encodeHead(undefined, headers === undefined ? new Headers() : await headers(refresh), this.#settings.tools);
    if (this.#failure !== undefined) return;
    const socket = this.#construct(gateway.base.replace(/^http/, "ws") + TUNNEL_PATH);
    if (socket === undefined) return;
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (socket.protocol === TUNNEL_PROTOCOL) socket.send(hello);
      else this.#refuse(this.#error("protocol", `${gateway.origin} does not speak ${TUNNEL_PROTOCOL}`));
    });
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", ({ code }) => this.#ended(code));
    // What it means comes with `close`; without a listener Node's would end the process.
    socket.addEventListener("error", () => {});
  }

  #construct(url: string): WebSocketLike | undefined {
    const WebSocket = this.#settings.webSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (WebSocket === undefined) {
      this.#refuse(this.#error("unsupported", "This platform has no WebSocket: pass `webSocket` (the package ws has one), or use an http2Carrier"));
      return undefined;
    }
    try {
      return new WebSocket(url, [TUNNEL_PROTOCOL]);
    } catch (cause) {
      this.#refuse(this.#error("unavailable", `The platform opens no WebSocket to ${this.#settings.gateway.origin}`, { cause }));
      return undefined;
    }
  }

  #refuse(error: MillraceError): void {
    if (this.#failure !== undefined) return;
    this.#isRefused = true;
    this.close(error);
  }

  #received(data: unknown): void {
    if (this.#failure !== undefined) return;
    this.#heardAt = Date.now();
    try {
      if (!(data instanceof ArrayBuffer)) throw this.#error("protocol", "The tunnel brought something other than bytes", { applied: "unknown" });
      if (this.#isReady) this.#session.receive(new Uint8Array(data));
      else this.#welcomed(new Uint8Array(data));
    } catch (error) {
      this.close(error instanceof YamuxError ? this.#error("protocol", error.message, { applied: "unknown" }) : error);
    }
  }

  /** The gateway's first message: what it promises for the tunnel as a whole. */
  #welcomed(message: Uint8Array): void {
    const reader = new HeadReader(this.#settings.tools);
    const rest = reader.push(message);
    if (reader.headers === undefined || rest.length > 0) throw this.#error("protocol", "The tunnel does not begin with a header block");
    this.#isReady = true;
    this.#stopConnecting();
    this.#silenceMs = this.#settings.tools.promisedSilenceMs(reader.headers);
    this.#watch(this.#silenceMs);
    this.#settle.resolve();
  }

  /** Looks at the clock when the silence may have become too long, not at every message. */
  #watch(waitMs: number | undefined): void {
    const ms = this.#silenceMs;
    if (ms === undefined) return;
    this.#stopWatching = this.#settings.tools.watchSilence(ms, () => {
      const leftMs = this.#heardAt + ms - Date.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.close(this.#error("unavailable", `${this.#settings.gateway.origin} was silent for ${ms} ms although it promised heartbeats`, { applied: "unknown" }));
    }, waitMs);
  }

  #send(bytes: Uint8Array): void {
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (this.#outBytes >= BATCH_BYTES) this.#flush();
    else if (this.#out.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    const message = this.#settings.tools.concatBytes(this.#out);
    this.#out = [];
    this.#outBytes = 0;
    this.#socket?.send(message);
  }

  #ended(code: number | undefined): void {
    const { gateway: { origin }, tools } = this.#settings;
    const said = this.#reasonOf(code);
    if (said !== undefined) this.close(said);
    else if (this.#isReady) this.close(tools.connectionLost(origin));
    else this.#refuse(this.#error("unavailable", `${origin} was not reached, it does not let this page in, or it has no tunnel`));
  }

  /** What the gateway said with the socket's end. */
  #reasonOf(code: number | undefined): MillraceError | undefined {
    const { origin } = this.#settings.gateway;
    const applied = this.#isReady ? "unknown" : "no";
    switch (code) {
      case tunnelClose.unauthenticated: return this.#error("unauthenticated", `${origin} does not accept the tunnel's credentials`, { applied });
      case tunnelClose.forbidden: return this.#error("permission_denied", `${origin} does not let this page in`, { applied });
      case tunnelClose.drain: return this.#error("unavailable", `${origin} shuts down: connect again`, { applied, reason: "drain" });
      default: return undefined;
    }
  }

  #error(...arguments_: ConstructorParameters<TunnelTools["MillraceError"]>): MillraceError {
    return new this.#settings.tools.MillraceError(...arguments_);
  }
}
