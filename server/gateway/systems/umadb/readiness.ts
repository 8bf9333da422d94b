import type { Upstream } from "millrace/internal/carrier/http2/upstream";
import { HealthCheckResponse, HealthCheckResponse_ServingStatus } from "millrace/internal/gen/static/grpc/health/v1/health";
import { concatBytes } from "millrace/internal/core/bytes";
import { encodeEnvelope, payloadsOf } from "millrace/internal/wire/frames";
import { umadbMethods } from "millrace/internal/wire/methods";

const TIMEOUT_MS = 2_000;
const MAX_ANSWER_BYTES = 1_024;
/** However often the gateway is asked, the server is asked no more often than this. */
const KEPT_MS = 1_000;

/** Asks UmaDB's health service whether it serves; the answer is kept for a second. */
export class Readiness {
  readonly #upstream: Upstream;
  #asked: { readonly atMs: number; readonly answer: Promise<boolean> } | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  isServing(): Promise<boolean> {
    const now = Date.now();
    if (this.#asked === undefined || now - this.#asked.atMs >= KEPT_MS) this.#asked = { atMs: now, answer: check(this.#upstream) };
    return this.#asked.answer;
  }
}

function check(upstream: Upstream): Promise<boolean> {
  return new Promise((resolve) => {
    const body: Uint8Array[] = [];
    let size = 0;
    const finish = (serving: boolean): void => {
      clearTimeout(timer);
      resolve(serving);
    };
    const { path, lane, cancel } = umadbMethods.healthCheck;
    const call = upstream.open({ path, lane, cancel, headers: {}, timeoutMs: TIMEOUT_MS }, {
      headers: () => undefined,
      data: (bytes) => {
        size += bytes.length;
        if (size <= MAX_ANSWER_BYTES) body.push(bytes);
      },
      end: (trailers) => finish(trailers["grpc-status"] === "0" && saysServing(concatBytes(body))),
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

function saysServing(body: Uint8Array): boolean {
  try {
    const payload = payloadsOf(body)[0];
    return payload !== undefined && HealthCheckResponse.decode(payload).status === HealthCheckResponse_ServingStatus.SERVING;
  } catch {
    return false;
  }
}
