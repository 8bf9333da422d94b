import type { SystemName } from "../core/errors.js";
import type { CancelRule, Lane, MethodKind } from "./call-kinds.js";

/** One gRPC method: how it is reached, and what a repeat or a cancel of it does. */
export interface Method {
  readonly path: string;
  readonly system: SystemName;
  readonly kind: MethodKind;
  readonly lane: Lane;
  readonly cancel: CancelRule;
  /** Whether sending the call again changes nothing more than sending it once. */
  readonly repeatable: boolean;
}

const DCB = "/umadb.v1.DCB/";
const HEALTH = "/grpc.health.v1.Health/";

/** UmaDB's methods, and the health service that only UmaDB is asked for. */
export const umadbMethods = {
  read: { path: `${DCB}Read`, system: "umadb", kind: "server", lane: "short", cancel: "delayed", repeatable: true },
  subscribe: { path: `${DCB}Subscribe`, system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
  append: { path: `${DCB}Append`, system: "umadb", kind: "unary", lane: "append", cancel: "never", repeatable: false },
  head: { path: `${DCB}Head`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  trackingInfo: { path: `${DCB}GetTrackingInfo`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthCheck: { path: `${HEALTH}Check`, system: "umadb", kind: "unary", lane: "short", cancel: "delayed", repeatable: true },
  healthWatch: { path: `${HEALTH}Watch`, system: "umadb", kind: "server", lane: "live", cancel: "delayed", repeatable: true },
} as const satisfies Record<string, Method>;
