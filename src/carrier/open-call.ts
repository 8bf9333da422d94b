import { deferred } from "../core/deferred.js";
import { MillraceError } from "../core/errors.js";
import { inTurn } from "../core/in-turn.js";
import { linkSignals, onAbort, startTimer, type Ending } from "../core/signal.js";
import type { Trailers } from "../wire/trailers.js";
import type { CarrierCall, CarrierResponse } from "./types.js";

type Chunk = IteratorResult<Uint8Array, undefined>;

const DONE = { done: true, value: undefined } as const;

/** What an {@link OpenCall} asks of the carrier that makes it. */
export interface CallOwner {
  /** Whether the request left this machine. */
  readonly sent: boolean;
  /** Somebody waits for a chunk and none is held: bring more. Called again only after something was brought. */
  pull(): void;
  /**
   * The call is over, whatever ended it: take back what it holds. Called once; before {@link openCall} has returned if
   * the call may not even begin.
   *
   * @param reason Why; `undefined` when the server ended the call.
   */
  free(reason: unknown): void;
}

/**
 * One call while a carrier makes it: the three parts that its consumer sees, kept consistent; the chunks that nobody has
 * taken yet; and the one place where deadline, caller, carrier and consumer end it, whoever comes first.
 */
export interface OpenCall {
  /** For the consumer. */
  readonly response: CarrierResponse;
  /** Aborted when the call is over, whatever ended it. */
  readonly signal: AbortSignal;
  /** Whether nothing more can be brought. */
  readonly over: boolean;
  /** Response headers came. */
  headers(headers: Headers): void;
  /** Brings chunks, in order. */
  deliver(chunks: readonly Uint8Array[]): void;
  /** The server ended the call. */
  finish(trailers: Trailers): void;
  /** The call failed: what was brought before can still be taken. */
  fail(error: unknown): void;
  /** The call is ended from this side: like {@link OpenCall.fail}, but nothing more can be taken. */
  abort(reason: unknown): void;
}

/**
 * Opens the scope of a call, which its `timeoutMs` and its `signal` end.
 *
 * @param closed The end of the carrier; ends the call too.
 */
export function openCall({ path, signal: caller, timeoutMs }: CarrierCall, closed: Ending | undefined, owner: CallOwner): OpenCall {
  const headers = deferred<Headers>();
  const trailers = deferred<Trailers>();
  const turn = inTurn();
  let chunks: Uint8Array[] = [];
  /** What `next()` comes to when no chunk is left; set when the call is over. */
  let end: (() => Chunk) | undefined;
  let ended: Trailers | undefined;
  let wake = (): void => {};

  const tellEnd = (): void => { if (ended !== undefined && chunks.length === 0) trailers.resolve(ended); };

  const close = (how: () => Chunk, reason?: unknown): void => {
    if (end !== undefined) return;
    end = how;
    if (reason !== undefined) {
      headers.reject(reason);
      trailers.reject(reason);
    }
    tellEnd();
    stop();
    wake();
    owner.free(reason);
    abort(reason);
  };

  const fail = (error: unknown): void => close(() => { throw error; }, error);

  const take = async (): Promise<Chunk> => {
    for (;;) {
      const value = chunks.shift();
      if (value !== undefined) {
        tellEnd();
        return { done: false, value };
      }
      if (end !== undefined) return end();
      await new Promise<void>((go) => {
        wake = go;
        owner.pull();
      });
    }
  };

  const scope = linkSignals(caller, closed);
  const { signal, abort } = scope;
  const stop = startTimer(timeoutMs, () => abort(new MillraceError("timeout", `${path} was not answered within ${timeoutMs} ms`, { applied: owner.sent ? "unknown" : "no" })));
  onAbort(signal, (reason) => {
    if (end === undefined) chunks = [];
    fail(reason);
  });

  return {
    signal, fail, abort,
    get over() { return end !== undefined; },
    headers: headers.resolve,
    deliver(more) {
      if (end !== undefined) return;
      chunks.push(...more);
      wake();
    },
    finish(how) {
      if (end === undefined) ended = how;
      close(done);
    },
    response: {
      headers: headers.promise,
      trailers: trailers.promise,
      chunks: {
        next: () => turn(take),
        async return() {
          chunks = [];
          close(done, new MillraceError("unavailable", "The call was left", { applied: "unknown" }));
          end = done;
          return DONE;
        },
      },
    },
  };
}

function done(): Chunk {
  return DONE;
}
