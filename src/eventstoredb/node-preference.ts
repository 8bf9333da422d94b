/** Which node of a cluster is called where several can answer. Writes need the leader, whatever is preferred. */
export type NodePreference = "leader" | "follower" | "random" | "readOnlyReplica";

const PREFERENCES: readonly NodePreference[] = ["leader", "follower", "random", "readOnlyReplica"];

/** The preference that `text` spells in any case, or `undefined`. */
export function nodePreferenceOf(text: string): NodePreference | undefined {
  return PREFERENCES.find((each) => each.toLowerCase() === text.toLowerCase());
}
