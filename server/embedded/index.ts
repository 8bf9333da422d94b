export { startEmbedded, type Embedded, type EmbeddedOptions, type EmbeddedSystem } from "./start.js";
export type { EmbeddedFetch } from "./fetch.js";
export type { EmbeddedEventStoreDbOptions } from "./eventstoredb/index.js";
export type { BuiltInProjection } from "./eventstoredb/projected.js";
export type { EmbeddedKubeMqOptions, KubeMqProfile } from "./kubemq/index.js";
