import { deferred, type Deferred } from "../core/deferred.js";
import { isMillraceError, MillraceError } from "../core/errors.js";
import { startTimer } from "../core/signal.js";
import { randomUuid } from "../core/uuid.js";
import type { Duplex } from "../carrier/duplex.js";
import { QueuesDownstreamRequest, QueuesDownstreamRequestType as Type } from "../../gen/static/kubemq/kubemq.js";
import { errorOfText } from "./errors.js";
import { readDownstream, type DownstreamResponse } from "./queue-views.js";

type Request = Partial<QueuesDownstreamRequest> & { readonly RequestTypeData: Type };

/** How long a settlement waits for its confirmation, in milliseconds: some brokers never send one. */
const CONFIRM_MS = 5_000;

/** One downstream call: what is asked in it is answered in it, and its transactions end with it. */
export interface Leases {
  /** Asks for messages. */
  get(request: Omit<Request, "RequestTypeData">, timeoutMs: number): Promise<DownstreamResponse>;
  /**
   * Settles messages of a transaction. Success is silent, so what is left of the transaction is asked for right behind.
   * A broker that does not answer that within 5 s is taken at its silence.
   */
  settle(transaction: string, type: Type, sequences: readonly bigint[], target?: string): Promise<void>;
  /** Settlements that are not confirmed. */
  readonly pending: ReadonlySet<Promise<void>>;
  /** Rejects when the call ends. */
  readonly lost: Promise<undefined>;
  /** Whether the call has ended; its messages are then in the queue again. */
  readonly ended: boolean;
  /** Leaves the call. */
  leave(reason: unknown): void;
}

/** Asks over a downstream call. */
export function leasesOver(duplex: Duplex, clientId: string): Leases {
  const waiting = new Map<string, Deferred<DownstreamResponse>>();
  const pending = new Set<Promise<void>>();
  const lost = deferred<undefined>();
  let end: unknown;

  const finish = (error: unknown): void => {
    end ??= error;
    lost.reject(end);
    for (const { reject } of waiting.values()) reject(end);
    waiting.clear();
  };

  const pump = async (): Promise<void> => {
    for (;;) {
      const chunk = await duplex.next();
      if (chunk === undefined) throw new MillraceError("unavailable", "The broker ended the call", { system: "kubemq" });
      for (const response of readDownstream(chunk)) {
        if (response.requestType === Type.CloseByServer) throw new MillraceError("unavailable", "The broker closes the call", { system: "kubemq" });
        waiting.get(response.refRequestId)?.resolve(response);
        waiting.delete(response.refRequestId);
      }
    }
  };
  pump().catch((error: unknown) => {
    duplex.leave(error);
    finish(error);
  });

  const ask = (request: Request): Promise<DownstreamResponse> => {
    const RequestID = randomUuid();
    const answer = deferred<DownstreamResponse>();
    if (end !== undefined) answer.reject(end);
    else waiting.set(RequestID, answer);
    const bytes = QueuesDownstreamRequest.encode({
      Channel: "", MaxItems: 0, WaitTimeout: 0, AutoAck: false, ReQueueChannel: "", SequenceRange: [], RefTransactionId: "", Metadata: new Map(), ...request, RequestID, ClientID: clientId,
    }).finish();
    duplex.send(bytes).catch(answer.reject);
    return answer.promise;
  };

  const settle: Leases["settle"] = async (RefTransactionId, type, sequences, target = "") => {
    const refused = ask({ RequestTypeData: type, RefTransactionId, SequenceRange: [...sequences], ReQueueChannel: target });
    const left = ask({ RequestTypeData: Type.ActiveOffsets, RefTransactionId });
    const silent = deferred<undefined>();
    const stop = startTimer(CONFIRM_MS, () => silent.resolve(undefined));
    // Whichever comes first: an error or a confirmation of the settlement, or what is left.
    const answer = await Promise.race([refused, left, silent.promise]).catch(lostLease).finally(stop);
    if (answer === undefined) return;
    if (answer.requestType !== Type.ActiveOffsets) {
      if (answer.isError) throw errorOfText(answer.error, "unknown");
      return;
    }
    // A transaction of which nothing is left answers with an error.
    const still = answer.isError ? [] : answer.activeOffsets;
    if (sequences.some((sequence) => still.includes(sequence))) throw new MillraceError("conflict", "The broker did not settle the message", { system: "kubemq" });
  };

  return {
    async get(request, timeoutMs) {
      const stop = startTimer(timeoutMs, () => {
        const error = new MillraceError("timeout", `The broker did not answer within ${timeoutMs} ms`, { system: "kubemq" });
        duplex.leave(error);
        finish(error);
      });
      const response = await ask({ ...request, RequestTypeData: Type.Get }).finally(stop);
      if (response.isError) throw errorOfText(response.error, "no");
      return response;
    },
    settle(...args) {
      const settled: Promise<void> = settle(...args).finally(() => pending.delete(settled));
      settled.catch(() => {});
      pending.add(settled);
      return settled;
    },
    pending,
    lost: lost.promise,
    get ended() { return end !== undefined; },
    leave(reason) {
      duplex.leave(reason);
      finish(reason);
    },
  };
}

/** A lease goes with its call: whether the settlement still arrived, nobody knows. */
function lostLease(cause: unknown): never {
  if (isMillraceError(cause) && cause.code !== "unavailable" && cause.code !== "timeout") throw cause;
  throw new MillraceError("unavailable", "The connection was lost before the message was known to be settled: it may come again", { system: "kubemq", applied: "unknown", cause });
}
