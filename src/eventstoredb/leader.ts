/** A call's own headers, with the wish for the cluster's leader if there is one. */
export function headersOf(headers: HeadersInit | undefined, requiresLeader: boolean): HeadersInit | undefined {
  if (!requiresLeader) return headers;
  const all = new Headers(headers);
  all.set("requires-leader", "true");
  return all;
}
