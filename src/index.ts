export { isMillraceError, MillraceError } from "./core/errors.js";
export { fromJson, json, text } from "./core/json.js";
export type { Applied, ErrorCode, MillraceErrorOptions, SystemName } from "./core/errors.js";
export type { CallOptions, HeadersContext, HeadersOption, RetryOptions } from "./core/options.js";
