export { liveFeed } from "./live-feed.js";
export { waitFor } from "./wait-for.js";
export type { Kept, LiveFeed, LiveFeedOptions, LiveSnapshot } from "./live-feed.js";
export type { WaitForOptions } from "./wait-for.js";
