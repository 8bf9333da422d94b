import { Status } from "millrace/internal/gen/static/google/rpc/status";
import { toBase64 } from "millrace/internal/core/base64";
import { startTimer } from "millrace/internal/core/signal";
import { parseGrpcTimeout } from "millrace/internal/wire/timeout";
import type { Trailers } from "millrace/internal/wire/trailers";
import { checkRequestSize } from "./request-messages.js";
import { StatusError, type EmbeddedService, type ServiceContext } from "./service.js";

/**
 * How an error's details travel: `rich` wraps them in `google.rpc.Status`, which every client can read; `raw` is
 * what a system's own clients read from the real server.
 */
export type DetailsForm = "rich" | "raw";

/** One call, as it came. */
export interface ServedCall extends ServiceContext {
  readonly path: string;
  readonly requests: AsyncIterable<Uint8Array>;
}

/** Runs one call: yields the answer's payloads and returns how it ended. Does not throw, whatever the method does. */
export async function* serve(service: EmbeddedService, call: ServedCall, form: DetailsForm): AsyncGenerator<Uint8Array, Trailers> {
  const method = service.methods.get(call.path);
  if (method === undefined) return trailersOf(12, "");
  const deadline = new Deadline(call);
  /** What a caller who takes an answer and no other leaves behind. */
  let left: AsyncIterator<Uint8Array> | undefined;
  try {
    const answers = method(checked(call.requests, service.maxRequestBytes(call.path)), deadline.context)[Symbol.asyncIterator]();
    for (let next = await deadline.orFirst(answers.next()); next.done !== true; next = await answers.next()) {
      left = answers;
      yield next.value;
      left = undefined;
    }
    return trailersOf(0, "");
  } catch (error) {
    if (!(error instanceof StatusError)) return trailersOf(13, "The embedded server failed");
    const details = detailsHeader(error, form);
    return trailersOf(error.status, error.message, { ...error.headers, ...(details && { "grpc-status-details-bin": details }) });
  } finally {
    deadline.stop();
    void left?.return?.();
  }
}

async function* checked(requests: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  for await (const payload of requests) {
    checkRequestSize(payload.length, maxBytes);
    yield payload;
  }
}

/**
 * A call's `grpc-timeout`, as the real servers' library takes it: it ends where the answer begins, an expired one is
 * CANCELLED, and what the method does is not taken back.
 */
class Deadline {
  readonly context: ServiceContext;
  readonly #expired: Promise<never>;
  readonly stop: () => void;

  constructor({ headers, signal, begin }: ServiceContext) {
    let expire = (): void => {};
    this.#expired = new Promise((_, reject) => { expire = () => reject(new StatusError(1, "Timeout expired")); });
    this.#expired.catch(() => undefined);
    this.stop = startTimer(parseGrpcTimeout(headers.get("grpc-timeout") ?? ""), expire);
    this.context = {
      headers,
      signal,
      begin: () => {
        this.stop();
        begin();
      },
    };
  }

  async orFirst<T>(first: Promise<T>): Promise<T> {
    const result = await Promise.race([first, this.#expired]);
    this.stop();
    return result;
  }
}

function trailersOf(status: number, message: string, headers: Record<string, string> = {}): Trailers {
  return { status, message, headers: new Headers(headers) };
}

function detailsHeader({ details, message, status }: StatusError, form: DetailsForm): string | undefined {
  if (details === undefined) return undefined;
  if (form === "raw") return toBase64(details.value, false);
  const { typeName, value } = details;
  const any = { typeUrl: `type.googleapis.com/${typeName}`, value };
  return toBase64(Status.encode({ code: status, message, details: [any] }).finish(), false);
}
