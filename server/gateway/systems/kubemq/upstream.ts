import type { Upstream, UpstreamCall, UpstreamEvents, UpstreamOptions, UpstreamRequest } from "millrace/internal/carrier/http2/upstream";
import { kubemqMethods } from "millrace/internal/wire/methods";
import { AutoAckDebts, UpstreamDebts, type Debts } from "./debts.js";
import { LingeringCall } from "./lingering-call.js";
import { PING_TIMES, PingedUpstream, type PingTimes } from "./pinged-upstream.js";
import { READ_ON_BOUNDS, ReadOnCall, type ReadOnBounds } from "./read-on-call.js";

/** Rules of a {@link KubeMqUpstream} that tests scale down. */
export interface KubeMqRules {
  readonly readOn?: ReadOnBounds | undefined;
  readonly ping?: PingTimes | undefined;
}

const DEBTS: ReadonlyMap<string, () => Debts> = new Map<string, () => Debts>([
  [kubemqMethods.queuesUpstream.path, () => new UpstreamDebts()],
  [kubemqMethods.queuesDownstream.path, () => new AutoAckDebts()],
]);
const READ_ON: ReadonlySet<string> = new Set([kubemqMethods.subscribeToEvents.path, kubemqMethods.subscribeToRequests.path]);

/** A broker with the care that it needs: which calls are read on, which are not cancelled, and how it is asked for life. */
export class KubeMqUpstream implements Pick<Upstream, "open"> {
  readonly #short: PingedUpstream;
  readonly #live: PingedUpstream;
  readonly #readOn: ReadOnBounds;
  readonly #lingering = new Set<LingeringCall>();
  #idle: (() => void) | undefined;

  constructor(options: Pick<UpstreamOptions, "url" | "ca">, { readOn = READ_ON_BOUNDS, ping = PING_TIMES }: KubeMqRules = {}) {
    this.#short = new PingedUpstream(options, "short", ping);
    this.#live = new PingedUpstream(options, "live", ping);
    this.#readOn = readOn;
  }

  open(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall {
    const upstream = request.lane === "live" ? this.#live : this.#short;
    if (READ_ON.has(request.path)) return new ReadOnCall((own) => upstream.open(request, own), events, this.#readOn);
    const debts = DEBTS.get(request.path);
    if (debts === undefined) return upstream.open(request, events);
    // No deadline goes with it: the broker would cancel for us.
    const lasting: UpstreamRequest = { ...request, cancel: "delayed", timeoutMs: undefined };
    const call = new LingeringCall((own) => upstream.open(lasting, own), events, debts(), (over) => this.#forget(over));
    this.#lingering.add(call);
    return call;
  }

  /** Resolves when no call is left that must not be cut off; ask when no owner opens one any more. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
      if (this.#lingering.size === 0) resolve();
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#short.close(), this.#live.close()]);
  }

  #forget(call: LingeringCall): void {
    this.#lingering.delete(call);
    if (this.#lingering.size === 0) this.#idle?.();
  }
}
