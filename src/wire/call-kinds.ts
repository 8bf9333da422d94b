/** How many messages go each way. */
export type MethodKind = "unary" | "server" | "client" | "bidi";

/**
 * Which upstream session a call may share. `short`: calls that end by themselves; `live`: subscriptions; `append`:
 * calls whose answer can take the whole session down with it, one at a time on a session of their own.
 */
export type Lane = "short" | "live" | "append";

/**
 * What happens upstream when the caller leaves. `delayed`: reset, but no sooner than the server can bear;
 * `never`: the call runs to its end and its answer is dropped.
 */
export type CancelRule = "delayed" | "never";
