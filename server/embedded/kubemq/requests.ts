import { startTimer } from "millrace/internal/core/signal";
import type { Request, Response } from "millrace/internal/gen/static/kubemq/kubemq";
import { StatusError } from "../service.js";
import { hasControl, requestFault, responseFault, texts } from "./checks.js";
import { Exchange } from "./exchange.js";
import { newId } from "./ids.js";

const INTERNAL = 13;
const COMMAND = 1;

/** A reply that is kept for who asks the same again. */
interface Kept {
  readonly response: Response;
  readonly untilMs: number;
}

/** Commands and queries: who asks, who answers, and the replies on their way. */
export class Requests {
  readonly commands = new Exchange<Request>();
  readonly queries = new Exchange<Request>();
  readonly #open = new Map<string, (response: Response) => void>();
  /** By channel and key; `undefined` for a broker without a cache. */
  readonly #cache: Map<string, Kept> | undefined;

  constructor(options: { cache: boolean }) {
    this.#cache = options.cache ? new Map() : undefined;
  }

  /**
   * Asks, and waits for the first reply.
   *
   * @throws {StatusError} The request is wrong, or nobody answered within its time.
   */
  async send(request: Request, signal: AbortSignal): Promise<Response> {
    const fault = requestFault(request) ?? (hasControl(request.Channel) ? texts.controlCharacter : undefined);
    if (fault !== undefined) throw new StatusError(INTERNAL, fault);
    const RequestID = request.RequestID === "" ? newId() : request.RequestID;
    const isCommand = request.RequestTypeData === COMMAND;
    const key = isCommand || request.CacheKey === "" ? undefined : `${request.Channel}\n${request.CacheKey}`;
    const kept = key === undefined ? undefined : this.#cache?.get(key);
    if (kept !== undefined && kept.untilMs > Date.now()) return { ...kept.response, RequestID, CacheHit: true };
    const reply = await this.#ask({ ...request, RequestID, ReplyChannel: `_INBOX.${newId()}.${newId().slice(0, 8)}` }, signal);
    const response = { ...reply, ReplyChannel: "" };
    if (isCommand) return { ...response, Metadata: "", Body: new Uint8Array(0), CacheHit: false };
    if (key !== undefined && response.Executed) this.#cache?.set(key, { response, untilMs: Date.now() + request.CacheTTL * 1_000 });
    return response;
  }

  /** Takes a reply; one that nobody waits for vanishes. @throws {StatusError} The response is wrong. */
  respond(response: Response): void {
    const fault = responseFault(response) ?? (hasControl(response.ReplyChannel) ? texts.controlCharacter : undefined);
    if (fault !== undefined) throw new StatusError(INTERNAL, fault);
    this.#open.get(response.ReplyChannel)?.(response);
  }

  async #ask(request: Request, signal: AbortSignal): Promise<Response> {
    const { ReplyChannel, Channel, Timeout } = request;
    let stop = (): void => undefined;
    try {
      return await new Promise((resolve, reject) => {
        const lost = (): void => reject(new StatusError(INTERNAL, texts.noReply));
        stop = startTimer(Timeout, lost);
        signal.addEventListener("abort", lost, { once: true });
        this.#open.set(ReplyChannel, resolve);
        (request.RequestTypeData === COMMAND ? this.commands : this.queries).publish(Channel, request);
      });
    } finally {
      stop();
      this.#open.delete(ReplyChannel);
    }
  }
}
