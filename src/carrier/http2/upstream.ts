import type { OutgoingHttpHeaders } from "node:http2";
import type { MillraceError } from "../../core/errors.js";
import type { Lane } from "../../wire/call-kinds.js";
import { Call } from "./call.js";
import { upstreamClosed } from "./failure.js";
import { LanePool, type SessionCounters } from "./lane-pool.js";
import { resolveUpstreamOptions, type ResolvedUpstreamOptions, type UpstreamOptions } from "./options.js";
import { requestHeaders } from "./request-headers.js";
import type { UpstreamCall, UpstreamEvents, UpstreamRequest, UpstreamStats } from "./types.js";

export type { UpstreamOptions } from "./options.js";
export type * from "./types.js";

/** How long `close()` waits for appends that were sent, in milliseconds: a connection that is dropped cancels them. */
const CLOSE_GRACE_MS = 5_000;

/**
 * A gRPC server over HTTP/2, at the level of bytes. Connects when a call needs it and again after a loss; keeps lanes
 * on connections of their own; finds dead connections by PING; cancels as gently as servers need it.
 */
export class Upstream {
  readonly #options: ResolvedUpstreamOptions;
  readonly #counters: SessionCounters = { opened: 0, lost: 0 };
  readonly #lanes: Readonly<Record<Lane, LanePool>>;
  #closed: Promise<void> | undefined;

  /** @throws {MillraceError} `invalid_argument`, naming the option. Nothing is connected yet. */
  constructor(options: UpstreamOptions) {
    this.#options = resolveUpstreamOptions(options);
    const lane = (name: Lane): LanePool => new LanePool(name, this.#options, this.#counters);
    this.#lanes = { short: lane("short"), live: lane("live"), append: lane("append") };
  }

  /**
   * Opens a call. Never throws: what is wrong with the request comes to `events.fail`, with `sent: false`.
   *
   * The request leaves when a connection stands, and its body as it is written.
   */
  open(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall {
    const lane = this.#lanes[request.lane];
    let headers: OutgoingHttpHeaders;
    try {
      if (this.#closed !== undefined) throw upstreamClosed(false);
      headers = requestHeaders(request, this.#options.url, this.#options.secure);
    } catch (error) {
      const call = new Call(request, {}, events, lane);
      queueMicrotask(() => call.fail({ error: error as MillraceError, sent: false, answered: false }));
      return call;
    }
    const call = new Call(request, headers, events, lane);
    lane.add(call);
    return call;
  }

  /** Numbers of this moment, for metrics and tests. */
  stats(): UpstreamStats {
    const { short, live, append } = this.#lanes;
    return {
      lanes: { short: short.stats(), live: live.stats(), append: append.stats() },
      sessionsOpened: this.#counters.opened,
      sessionsLost: this.#counters.lost,
    };
  }

  /**
   * Ends all calls with `unavailable` at once and frees the connections. Idempotent. Resolves when they are gone;
   * appends that were sent are given 5 s to end at the server, since dropping them could fail strangers' appends.
   */
  close(): Promise<void> {
    this.#closed ??= Promise.all(Object.values(this.#lanes).map((lane) => lane.close(CLOSE_GRACE_MS))).then(() => undefined);
    return this.#closed;
  }
}
