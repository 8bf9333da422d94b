import { MillraceError } from "../core/errors.js";
import { concatBytes } from "../core/bytes.js";
import type { HeadersOption } from "../core/options.js";
import { startTimer } from "../core/signal.js";
import { encodeHeaderBlock, HeaderBlockReader } from "../wire/header-block.js";
import { MAX_TUNNEL_CALLS, TUNNEL_PATH, TUNNEL_PROTOCOL, tunnelClose } from "../wire/tunnel.js";
import { YamuxSession } from "../wire/yamux-session.js";
import type { YamuxStream, YamuxStreamEvents } from "../wire/yamux-stream.js";
import type { GatewayUrl } from "./gateway-url.js";
import { checkHeaders } from "./headers.js";
import { connectionLost } from "./network-error.js";
import { promisedSilenceMs, watchSilence } from "./silence.js";

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
  readonly headers: HeadersOption | undefined;
  readonly connectTimeoutMs: number;
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
  #goneAway = false;
  #failure: MillraceError | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #silenceMs: number | undefined;
  #heardAt = 0;
  #stopWatching = (): void => {};
  readonly #stopConnecting: () => void;
  readonly #hidden = (): void => this.close(new MillraceError("unavailable", "The page was left, which closes its tunnel", { applied: "unknown" }));

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
    this.#stopConnecting = startTimer(ms, () => this.close(new MillraceError("unavailable", `${settings.gateway.origin} gave no tunnel within ${ms} ms`)));
    this.#connect(refresh).catch((error: unknown) => this.close(error));
  }

  /** Whether it leads, or will lead, to a gateway that takes calls. */
  get usable(): boolean {
    return this.#failure === undefined && !this.#goneAway;
  }

  /** Why it is lost, once it is. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Opens a call's stream; only once it is ready.
   *
   * @throws {MillraceError} `resource_exhausted` above 1 024 calls, `unavailable` when the gateway takes no more.
   */
  open(events: YamuxStreamEvents): YamuxStream {
    if (this.usable && !this.#session.canOpen) {
      throw new MillraceError("resource_exhausted", `A tunnel carries ${MAX_TUNNEL_CALLS} calls at a time`, { reason: "limit" });
    }
    return this.#session.open(events);
  }

  /** A call has ended: closes the socket if it was the last one of a tunnel that takes no more. */
  rest(): void {
    if (this.#goneAway && this.#session.openStreams === 0) this.close(new MillraceError("unavailable", "The gateway has shut down", { reason: "drain" }));
  }

  /** Ends every call with `error` and closes the socket. Idempotent. */
  close(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error as MillraceError;
    this.#stopConnecting();
    this.#stopWatching();
    listenToPage("removeEventListener", this.#hidden);
    this.#settle.reject(error);
    this.#session.fail(error);
    this.#flush();
    this.#socket?.close();
  }

  async #connect(refresh: boolean): Promise<void> {
    const { gateway, headers: own } = this.#settings;
    const given = typeof own === "function" ? await own({ refresh }) : own;
    const hello = encodeHeaderBlock(undefined, given === undefined ? [] : checkHeaders(typeof own === "function" ? "headers()" : "headers", given, undefined));
    if (this.#failure !== undefined) return;
    const socket = this.#construct(gateway.base.replace(/^http/, "ws") + TUNNEL_PATH);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (socket.protocol === TUNNEL_PROTOCOL) socket.send(hello);
      else this.close(new MillraceError("protocol", `${gateway.origin} does not speak ${TUNNEL_PROTOCOL}`));
    });
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", ({ code }) => this.close(this.#errorOf(code)));
    // What it means comes with `close`; without a listener Node's would end the process.
    socket.addEventListener("error", () => {});
    listenToPage("addEventListener", this.#hidden);
  }

  #construct(url: string): WebSocketLike {
    const WebSocket = this.#settings.webSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (WebSocket === undefined) {
      throw new MillraceError("unsupported", "This platform has no WebSocket: pass `webSocket` (the package ws has one), or use an http2Carrier");
    }
    try {
      return new WebSocket(url, [TUNNEL_PROTOCOL]);
    } catch (cause) {
      throw new MillraceError("unavailable", `The platform opens no WebSocket to ${this.#settings.gateway.origin}`, { cause });
    }
  }

  #received(data: unknown): void {
    if (this.#failure !== undefined) return;
    this.#heardAt = Date.now();
    try {
      if (!(data instanceof ArrayBuffer)) throw new MillraceError("protocol", "The tunnel brought something other than bytes", { applied: "unknown" });
      if (this.#isReady) this.#session.receive(new Uint8Array(data));
      else this.#welcomed(new Uint8Array(data));
    } catch (error) {
      this.close(error);
    }
  }

  /** The gateway's first message: what it promises for the tunnel as a whole. */
  #welcomed(message: Uint8Array): void {
    const reader = new HeaderBlockReader();
    const rest = reader.push(message);
    if (reader.block === undefined || rest.length > 0) throw new MillraceError("protocol", "The tunnel does not begin with a header block");
    this.#isReady = true;
    this.#stopConnecting();
    this.#silenceMs = promisedSilenceMs(new Headers([...reader.block.headers] as [string, string][]));
    this.#watch(this.#silenceMs);
    this.#settle.resolve();
  }

  /** Looks at the clock when the silence may have become too long, not at every message. */
  #watch(waitMs: number | undefined): void {
    const ms = this.#silenceMs;
    if (ms === undefined) return;
    this.#stopWatching = watchSilence(ms, () => {
      const leftMs = this.#heardAt + ms - Date.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.close(new MillraceError("unavailable", `${this.#settings.gateway.origin} was silent for ${ms} ms although it promised heartbeats`, { applied: "unknown" }));
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
    const message = concatBytes(this.#out);
    this.#out = [];
    this.#outBytes = 0;
    this.#socket?.send(message);
  }

  #errorOf(code: number | undefined): MillraceError {
    const { origin } = this.#settings.gateway;
    const applied = this.#isReady ? "unknown" : "no";
    switch (code) {
      case tunnelClose.unauthenticated: return new MillraceError("unauthenticated", `${origin} does not accept the tunnel's credentials`, { applied });
      case tunnelClose.forbidden: return new MillraceError("permission_denied", `${origin} does not let this page in`, { applied });
      case tunnelClose.drain: return new MillraceError("unavailable", `${origin} shuts down: connect again`, { applied, reason: "drain" });
      default: return this.#isReady ? connectionLost(origin) : new MillraceError("unavailable", `${origin} was not reached, it does not let this page in, or it has no tunnel`);
    }
  }
}

/** Where there is a page: an open socket would keep it out of the browser's back-forward cache. */
function listenToPage(what: "addEventListener" | "removeEventListener", listener: () => void): void {
  const { [what]: listen } = globalThis as Partial<Pick<typeof globalThis, typeof what>>;
  listen?.call(globalThis, "pagehide", listener);
}
