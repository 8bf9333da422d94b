export { connectionLost, neverStood, notReached } from "../core/network-error.js";
