export { callRead, callWrite } from "./calls.js";
export { ask } from "./http.js";
