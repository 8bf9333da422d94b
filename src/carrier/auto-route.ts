import type { ErrorCode, MillraceError } from "../core/errors.js";
import { TUNNEL_PATH } from "../wire/tunnel.js";
import type { AutoSettings } from "./carrier-by-url.js";
import { carrierByTunnel } from "./carrier-by-tunnel.js";
import { TunnelLinks } from "./tunnel-links.js";
import type { TunnelTools } from "./tunnel-tools.js";
import type { Carrier, CarrierCall } from "./types.js";

/** How long a refused tunnel is not asked for again, in milliseconds. */
const REFUSED_MS = 60_000;

/** How a probe by `fetch` ends where nobody is. */
const UNREACHED: readonly ErrorCode[] = ["unavailable", "timeout"];

/** gRPC's status for a server that cannot be reached now, such as one that shuts down. */
const UNAVAILABLE = 14;

/**
 * Which way a call goes that stays open: the tunnel, or `fetch` where there is none. Apart from the rest of `auto`,
 * because a page that makes no such call need not load it.
 */
export class AutoRoute {
  readonly #settings: AutoSettings;
  readonly #tools: TunnelTools;
  readonly #links: TunnelLinks;
  readonly #tunnel: Carrier;
  /** The tunnel being opened, for all calls that wait for it. */
  #opening: Promise<void> | undefined;
  #refusal: { readonly error: MillraceError; readonly until: number } | undefined;

  constructor(settings: AutoSettings, tools: TunnelTools) {
    this.#settings = settings;
    this.#tools = tools;
    this.#links = new TunnelLinks({ ...settings, headers: undefined, tools });
    this.#tunnel = carrierByTunnel({ ...settings, origin: settings.gateway.origin, links: this.#links, tools });
  }

  /**
   * The carrier for a call. Nothing of the call was sent.
   *
   * @throws {MillraceError} `unsupported` for a call in both directions at once where there is no tunnel, `unavailable`
   *   when the gateway is not reached, `timeout` after the call's `timeoutMs`.
   */
  async choose(call: CarrierCall, signal: AbortSignal): Promise<Carrier> {
    if (this.#links.standing) return this.#tunnel;
    if (this.#settings.mayTunnel && (this.#refusal === undefined || this.#refusal.until <= Date.now())) {
      try {
        await this.#within(call, signal, this.#opening ??= this.#open().finally(() => { this.#opening = undefined; }));
        return this.#tunnel;
      } catch (error) {
        if (error !== this.#refusal?.error) throw error;
      }
    }
    if (call.kind !== "bidi" || call.duplex === "half") return this.#settings.byFetch;
    const text = `${call.path} sends in both directions at once, which fetch cannot, and there is no tunnel: let WebSockets through to ${this.#settings.gateway.origin}, pass \`webSocket\` where the platform has none (the package ws has one), or use an http2Carrier`;
    throw this.#error("unsupported", text, { cause: this.#refusal?.error });
  }

  /** Ends every call in the tunnel. Idempotent. */
  close(): Promise<void> {
    return this.#tunnel.close();
  }

  /** Bounds the wait by what the call itself allows. */
  async #within({ path, timeoutMs, connectTimeoutMs = this.#settings.connectTimeoutMs }: CarrierCall, signal: AbortSignal, opening: Promise<void>): Promise<void> {
    const { abortable, linkSignals, startTimer } = this.#tools;
    const scope = linkSignals(signal);
    const stops = [
      startTimer(timeoutMs, () => scope.abort(this.#error("timeout", `${path} was not answered within ${timeoutMs} ms`))),
      startTimer(connectTimeoutMs, () => scope.abort(this.#error("unavailable", `${this.#settings.gateway.origin} gave no tunnel within ${connectTimeoutMs} ms`))),
    ];
    await abortable(opening, scope.signal).finally(() => {
      for (const stop of stops) stop();
      scope.release();
    });
  }

  /**
   * Opens the tunnel. What a page learns of a WebSocket that does not open is nothing at all, so a gateway that went away
   * looks like one that has no tunnels. It is asked by `fetch`: only if it answers, and then refuses a tunnel again, it has none.
   */
  async #open(): Promise<void> {
    for (let isSecond = false; ; isSecond = true) {
      const link = this.#links.get();
      try {
        return await link.ready;
      } catch (error) {
        if (!link.isRefused) throw error;
        if (isSecond || (error as MillraceError).code !== "unavailable") return this.#refused(error as MillraceError);
        if (!(await this.#answers())) throw error;
      }
    }
  }

  #refused(error: MillraceError): never {
    this.#refusal = { error, until: Date.now() + REFUSED_MS };
    try {
      this.#settings.onFallback?.(error);
    } catch {
      // A listener's error is its own.
    }
    throw error;
  }

  /** Whether the gateway is there and takes calls. It has no method of this name. */
  async #answers(): Promise<boolean> {
    const { connectTimeoutMs: timeoutMs } = this.#settings;
    const probe = this.#settings.byFetch.call({ path: TUNNEL_PATH, kind: "unary", lane: "short", cancel: "delayed", headers: new Headers(), messages: [new Uint8Array(0)], timeoutMs });
    try {
      await probe.chunks.next();
      return (await probe.trailers).status !== UNAVAILABLE;
    } catch (error) {
      return !UNREACHED.includes((error as MillraceError).code);
    } finally {
      void probe.chunks.return?.();
    }
  }

  #error(...arguments_: ConstructorParameters<TunnelTools["MillraceError"]>): MillraceError {
    return new this.#tools.MillraceError(...arguments_);
  }
}
