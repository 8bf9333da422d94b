// What a client loads with its first call; see `invoke.ts`.
export { openStream } from "./stream.js";
export { invokeUnary } from "./unary.js";
