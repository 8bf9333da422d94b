export { MessageDbDirect } from "./client.js";
export type { DirectReadOptions, MessageDbDirectOptions } from "./options.js";
export type { PostgresJs, PostgresJsQuery, PostgresJsRows } from "./postgres-executor.js";
