export { isMillraceError, MillraceError } from "./core/errors.js";
export { fromJson, json, text } from "./core/json.js";
export type { Applied, EndReason, ErrorCode, MillraceErrorOptions, SystemName } from "./core/errors.js";
export type { CallOptions, HeadersContext, HeadersOption, RetryOptions } from "./core/options.js";
