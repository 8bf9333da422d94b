export { eventStoreDbCarrier } from "./carrier.js";
export type { EventStoreDbCarrierOptions } from "./carrier.js";
