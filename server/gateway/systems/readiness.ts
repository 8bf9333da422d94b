import type { Upstream } from "millrace/internal/carrier/http2/upstream";
import { concatBytes } from "millrace/internal/core/bytes";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import type { Method } from "millrace/internal/wire/methods";

const TIMEOUT_MS = 2_000;
const MAX_ANSWER_BYTES = 1_024;
/** However often the gateway is asked, the server is asked no more often than this. */
const KEPT_MS = 1_000;

/** How a system is asked whether it serves: by a method whose empty request has an answer that tells. */
export interface ReadinessQuestion {
  readonly method: Pick<Method, "path" | "lane" | "cancel">;
  /** Whether the answer's message says yes. May throw for one that is no such message. */
  saysServing(payload: Uint8Array): boolean;
}

/** Asks a system whether it serves; the answer is kept for a second. */
export class Readiness {
  readonly #upstream: Pick<Upstream, "open">;
  readonly #question: ReadinessQuestion;
  #asked: { readonly atMs: number; readonly answer: Promise<boolean> } | undefined;

  constructor(upstream: Pick<Upstream, "open">, question: ReadinessQuestion) {
    this.#upstream = upstream;
    this.#question = question;
  }

  isServing(): Promise<boolean> {
    const now = Date.now();
    if (this.#asked === undefined || now - this.#asked.atMs >= KEPT_MS) this.#asked = { atMs: now, answer: check(this.#upstream, this.#question) };
    return this.#asked.answer;
  }
}

function check(upstream: Pick<Upstream, "open">, { method, saysServing }: ReadinessQuestion): Promise<boolean> {
  return new Promise((resolve) => {
    const body: Uint8Array[] = [];
    let size = 0;
    const finish = (serving: boolean): void => {
      clearTimeout(timer);
      resolve(serving);
    };
    const { path, lane, cancel } = method;
    const call = upstream.open({ path, lane, cancel, headers: {}, timeoutMs: TIMEOUT_MS }, {
      headers: () => undefined,
      data: (bytes) => {
        size += bytes.length;
        if (size <= MAX_ANSWER_BYTES) body.push(bytes);
      },
      end: (trailers) => finish(trailers["grpc-status"] === "0" && answersYes(concatBytes(body), saysServing)),
      fail: () => finish(false),
      writable: () => undefined,
    });
    const timer = setTimeout(() => {
      call.leave();
      resolve(false);
    }, TIMEOUT_MS);
    call.end(encodeEnvelope(new Uint8Array(0)));
  });
}

function answersYes(body: Uint8Array, saysServing: (payload: Uint8Array) => boolean): boolean {
  try {
    const payload = payloadsOf(body)[0];
    return payload !== undefined && saysServing(payload);
  } catch {
    return false;
  }
}
