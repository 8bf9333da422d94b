import type { SystemName } from "millrace/internal/core/errors";
import type { CancelRule, Lane, MethodKind } from "millrace/internal/wire/call-kinds";
import { allMethods } from "millrace/internal/wire/methods";

/** A gRPC method that can be called through the gateway. */
export interface GatewayMethod {
  /** `/package.Service/Method`; requests match it byte for byte. */
  readonly path: string;
  /** Which upstream it goes to. */
  readonly system: SystemName | (string & {});
  /** How many messages go each way. */
  readonly kind: MethodKind;
  /** Which upstream connections its calls may share. */
  readonly lane: Lane;
  /** What happens upstream when the caller leaves. */
  readonly cancel: CancelRule;
  /** Whether sending the call again changes nothing more than sending it once. */
  readonly repeatable: boolean;
}

/** The whole method table, with `extra` methods that a test or an embedder brings. */
export function methodTable(extra: readonly GatewayMethod[]): ReadonlyMap<string, GatewayMethod> {
  const table = new Map<string, GatewayMethod>(allMethods());
  for (const method of extra) table.set(method.path, method);
  return table;
}
