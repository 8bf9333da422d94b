export { parseGatewayUrl, type GatewayUrl } from "../core/gateway-url.js";
