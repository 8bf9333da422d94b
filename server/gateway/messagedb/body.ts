import { MillraceError } from "millrace/internal/core/errors";
import { concatBytes } from "millrace/internal/core/bytes";
import type { GatewayRequest } from "../exchange.js";
import type { WaitingBytes } from "../waiting-bytes.js";

/** How much of a request is taken, and how long it may take to come. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Room that all requests of a gateway share. */
  readonly waiting: WaitingBytes;
}

/**
 * A request's body as JSON.
 *
 * @throws {MillraceError} `invalid_argument` for what is no JSON in UTF-8, `resource_exhausted` for too much, or too slow.
 */
export async function readJson(request: GatewayRequest, { maxBytes, timeoutMs, waiting }: BodyLimits): Promise<unknown> {
  const { connection } = request.client;
  const parts: Uint8Array[] = [];
  let held = 0;
  let done = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(refused(`The request body was not complete within ${timeoutMs} ms`)), timeoutMs);
      request.body.read({
        data(bytes) {
          if (done) return;
          const full = waiting.take(connection, bytes.length);
          if (full !== undefined) return reject(refused(full.message, full.retryAfterMs));
          held += bytes.length;
          if (held > maxBytes) return reject(refused(`A request body may have ${maxBytes} bytes`));
          parts.push(bytes);
        },
        end: resolve,
      });
    });
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(concatBytes(parts)));
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    // The engine's own error quotes the body, so it is not kept as the cause.
    throw new MillraceError("invalid_argument", "The request body is not JSON in UTF-8", { system: "messagedb" });
  } finally {
    done = true;
    clearTimeout(timer);
    waiting.release(connection, held);
  }
}

function refused(message: string, retryAfterMs?: number): MillraceError {
  return new MillraceError("resource_exhausted", message, { system: "messagedb", reason: "limit", retryAfterMs });
}
