export { fetchCarrier } from "./fetch.js";
export type { FetchCarrierOptions } from "./fetch.js";
export { tunnelCarrier } from "./tunnel.js";
export type { TunnelCarrierOptions } from "./tunnel.js";
export type { WebSocketConstructor, WebSocketEventLike, WebSocketLike } from "./tunnel-link.js";
export type { Carrier, CarrierCall, CarrierResponse } from "./types.js";
export type { CancelRule, Lane, MethodKind } from "../wire/call-kinds.js";
export type { Trailers } from "../wire/trailers.js";
