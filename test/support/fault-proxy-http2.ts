import type { Direction } from "./fault.js";
import type { Phase, PhaseWatch } from "./fault-proxy-phases.js";
import { FrameReader, PREFACE, frameType } from "./h2-frames.js";
import { ConnectionWatch } from "./h2-watch.js";

/** The phases of an HTTP/2 connection; with several calls on it, the one in which a cut does most. */
export class Http2Phases implements PhaseWatch {
  readonly #calls = new ConnectionWatch(0, () => undefined);
  readonly #fromClient = new FrameReader(() => undefined, PREFACE.length);
  readonly #fromServer = new FrameReader(() => undefined);
  #answered = false;

  get phase(): Phase {
    const calls = this.#calls.openCalls;
    const sending = this.#fromClient.openType;
    if (sending === frameType.headers || sending === frameType.continuation) return "request";
    if (!this.#answered && calls.length === 0) return "connecting";
    if (this.#fromServer.openType === frameType.data) return "mid-frame";
    if (calls.some(({ requestEndedAt }) => requestEndedAt === undefined)) return "request";
    if (calls.some(({ answeredAt }) => answeredAt === undefined)) return "awaiting";
    return calls.length > 0 ? "idle" : "quiet";
  }

  push(direction: Direction, chunk: Buffer): void {
    const toServer = direction === "to-server";
    if (!toServer) this.#answered = true;
    (toServer ? this.#fromClient : this.#fromServer).push(chunk);
    this.#calls.push(toServer ? "client" : "server", chunk);
  }
}
