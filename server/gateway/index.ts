export { createGateway, type Gateway } from "./gateway.js";
export type { ExtraUpstream, GatewayOptions, UpstreamSettings } from "./options.js";
export type { Limits } from "./limits.js";
export type { Policy, PolicyDecision, PolicyMethod, PolicyRequest, Principal, Resource } from "./policy.js";
export type { GatewayMethod } from "./routes.js";
export type { GatewayLog } from "./log.js";
export type { Page, Pages } from "./pages.js";
export type { Client } from "./exchange.js";
