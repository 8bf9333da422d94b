import { Upstream, type UpstreamCall, type UpstreamEvents, type UpstreamOptions, type UpstreamRequest } from "millrace/internal/carrier/http2/upstream";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import { kubemqMethods } from "millrace/internal/wire/methods";
import type { Lane } from "millrace/internal/wire/call-kinds";

/** How often a broker is asked whether it is there, and how long it may take to say so; in milliseconds. */
export interface PingTimes {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** A dead connection costs its calls a little more than half a minute; the broker one call in that time. */
export const PING_TIMES: PingTimes = { everyMs: 30_000, timeoutMs: 10_000 };

/**
 * Connections of one lane to a broker that ends those whose client sends HTTP/2 PINGs. While calls are open it is asked
 * by its own Ping method; when that is not answered the connections are given up, their calls end `unavailable`, and the
 * next ones find new connections.
 */
export class PingedUpstream implements Pick<Upstream, "open"> {
  readonly #options: UpstreamOptions;
  readonly #lane: Lane;
  readonly #times: PingTimes;
  #upstream: Upstream;
  #next: ReturnType<typeof setTimeout> | undefined;
  #asking: UpstreamCall | undefined;
  #closed = false;

  constructor(options: Pick<UpstreamOptions, "url" | "ca">, lane: Lane, times: PingTimes) {
    this.#options = { ...options, watch: "none" };
    this.#lane = lane;
    this.#times = times;
    this.#upstream = new Upstream(this.#options);
  }

  open(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall {
    this.#next ??= this.#later(() => this.#ask(), this.#times.everyMs);
    return this.#upstream.open(request, events);
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#next);
    return this.#upstream.close();
  }

  #later(then: () => void, ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(then, ms);
    if (typeof timer === "object") timer.unref();
    return timer;
  }

  #ask(): void {
    this.#next = undefined;
    if (this.#closed || this.#upstream.stats().lanes[this.#lane].calls === 0) return;
    const { path, cancel } = kubemqMethods.ping;
    const answered = (): void => {
      this.#asking = undefined;
      clearTimeout(this.#next);
      this.#next = this.#later(() => this.#ask(), this.#times.everyMs);
    };
    // Whatever comes shows that somebody is there; what broke has told its calls already.
    this.#asking = this.#upstream.open({ path, lane: this.#lane, cancel, headers: {} }, {
      headers: () => undefined, data: () => undefined, writable: () => undefined, end: answered, fail: answered,
    });
    this.#asking.end(encodeEnvelope(new Uint8Array(0)));
    this.#next = this.#later(() => this.#giveUp(), this.#times.timeoutMs);
  }

  #giveUp(): void {
    this.#next = undefined;
    this.#asking?.leave();
    const silent = this.#upstream;
    this.#upstream = new Upstream(this.#options);
    void silent.close();
  }
}
