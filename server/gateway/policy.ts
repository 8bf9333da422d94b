import type { SystemName } from "millrace/internal/core/errors";
import type { GatewayMethod } from "./routes.js";

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

/** What a {@link Policy} judges: one request message of one call. */
export interface PolicyRequest {
  /** Who calls. */
  readonly principal: Principal;
  /** What is called. */
  readonly method: GatewayMethod;
  /** What the message touches; never empty. */
  readonly resources: readonly Resource[];
}

/** Lets a request message pass, or says why not: the text reaches the caller. */
export type PolicyDecision = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

/** Asked for every request message, not just a call's first. Must not throw. */
export type Policy = (request: PolicyRequest) => PolicyDecision | Promise<PolicyDecision>;

const ALLOWED: PolicyDecision = { allowed: true };

/** Lets everybody do everything. For development on one machine. */
export const allowEverything: Policy = () => ALLOWED;

/** Refuses everything, and tells the operator's users what is missing. */
export const denyEverything: Policy = () => ({
  allowed: false,
  message: "This gateway has no policy, so it refuses every call: give it one, or start it with --allow-all on a loopback address for development",
});
