export { http2Carrier } from "./carrier.js";
export type { Http2CarrierOptions } from "./carrier.js";
