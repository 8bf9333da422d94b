export { startEmbedded, type Embedded, type EmbeddedOptions, type EmbeddedSystem } from "./start.js";
export type { EmbeddedFetch } from "./fetch.js";
