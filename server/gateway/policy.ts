import type { SystemName } from "millrace/internal/core/errors";

/** Who makes a call. Without authentication every caller is anonymous. */
export interface Principal {
  /** How it is known who it is: not at all. */
  readonly kind: "anonymous";
}

/** What a request message touches. */
export interface Resource {
  /** What kind of thing it is; there will be more kinds. */
  readonly kind: "store";
  /** The system whose store it is, as the gateway's configuration names it. */
  readonly name: SystemName | (string & {});
}

/** A method as a {@link Policy} sees it. */
export interface PolicyMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The system that it belongs to, as the gateway's configuration names it. */
  readonly system: SystemName | (string & {});
  /** How many messages go each way: one and one, one and many, many and one, many and many. */
  readonly kind: "unary" | "server" | "client" | "bidi";
  /** Whether sending the call again changes nothing more than sending it once. Says nothing of whether it writes. */
  readonly repeatable: boolean;
}

/** What a {@link Policy} judges: one request message of one call. */
export interface PolicyRequest {
  /** Who calls. */
  readonly principal: Principal;
  /** What is called. */
  readonly method: PolicyMethod;
  /** What the message touches; never empty. */
  readonly resources: readonly Resource[];
}

/** Lets a request message pass, or says why not: the text reaches the caller. */
export type PolicyDecision = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

/**
 * Asked for every request message, not just a call's first. One that throws, rejects or answers with no decision
 * refuses the message, and the log is told why.
 */
export type Policy = (request: PolicyRequest) => PolicyDecision | Promise<PolicyDecision>;

const ALLOWED: PolicyDecision = { allowed: true };
const UNDECIDED: PolicyDecision = { allowed: false, message: "The policy failed, so the call is refused" };

/**
 * What a policy says, at once when it says it at once. Never throws or rejects: policies are the embedder's code, and
 * a mistake in one must not end other callers' calls.
 *
 * @param failed Hears what was wrong with a policy that came to no decision.
 */
export function askPolicy(policy: Policy, request: PolicyRequest, failed: (error: unknown) => void): PolicyDecision | Promise<PolicyDecision> {
  const refuse = (error: unknown): PolicyDecision => {
    failed(error);
    return UNDECIDED;
  };
  try {
    const said: unknown = policy(request);
    return isThenable(said) ? Promise.resolve(said).then(decisionOf).catch(refuse) : decisionOf(said);
  } catch (error) {
    return refuse(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (Object(value) as { then?: unknown }).then === "function";
}

function decisionOf(said: unknown): PolicyDecision {
  const { allowed, message } = Object(said) as { allowed?: unknown; message?: unknown };
  if (allowed === true) return ALLOWED;
  if (allowed === false && typeof message === "string") return { allowed, message };
  throw new TypeError("A policy must answer { allowed: true }, or { allowed: false, message: string }");
}

/** Lets everybody do everything. For development on one machine. */
export const allowEverything: Policy = () => ALLOWED;

/** Refuses everything, and tells the operator's users what is missing. */
export const denyEverything: Policy = () => ({
  allowed: false,
  message: "This gateway has no policy, so it refuses every call: give it one, or start it with --allow-all on a loopback address for development",
});
