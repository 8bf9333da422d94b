import type { DescMethod, DescMethodUnary } from "@bufbuild/protobuf";
import type { MethodKind } from "../wire/call-kinds.js";

const KINDS: Record<DescMethod["methodKind"], MethodKind> = {
  unary: "unary", server_streaming: "server", client_streaming: "client", bidi_streaming: "bidi",
};

/** A method's kind in our words. */
export function kindOfMethod(method: { readonly methodKind: DescMethod["methodKind"] }): MethodKind {
  return KINDS[method.methodKind];
}

/** `/package.Service/Method`. */
export function pathOfMethod({ parent, name }: Pick<DescMethod, "parent" | "name">): string {
  return `/${parent.typeName}/${name}`;
}

export function isUnary(method: DescMethod): method is DescMethod & DescMethodUnary {
  return method.methodKind === "unary";
}
