import type { UpstreamOptions } from "./options.js";
import type { UpstreamCall, UpstreamEvents, UpstreamRequest, UpstreamStats } from "./types.js";

export type { UpstreamOptions } from "./options.js";
export type * from "./types.js";

export declare class Upstream {
  constructor(options: UpstreamOptions);
  open(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall;
  stats(): UpstreamStats;
  close(): Promise<void>;
}
