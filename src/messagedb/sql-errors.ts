import { isMillraceError, MillraceError, type Applied, type ErrorCode } from "../core/errors.js";

/** What Message DB itself refuses, in its own words; they hold names and numbers of the call, nothing that is stored. */
const REFUSALS = /^(Must be a (stream name|category): |Correlation must be a category \(|Consumer group |Retrieval with SQL condition is not activated$)/;

const NOT_INSTALLED = "Message DB was not found: is it installed in this database, and is message_store in the search_path of the connection?";

/** By SQLSTATE, or by its first two characters, the class. The text is what we say of it. */
const STATES: Readonly<Record<string, readonly [code: ErrorCode, text: string]>> = {
  "08": ["unavailable", "The connection to the database was lost"],
  "22": ["invalid_argument", "The database cannot take one of the values"],
  "22021": ["invalid_argument", "The database cannot store one of the characters"],
  "22P05": ["invalid_argument", "The database cannot store the character U+0000"],
  "22P02": ["invalid_argument", "One of the values is not JSON, or no uuid"],
  "23": ["invalid_argument", "The database does not accept the message"],
  "25006": ["unsupported", "The database is read-only: it is a replica, or set so"],
  "28": ["unauthenticated", "The database does not accept the credentials"],
  "3D000": ["unsupported", "The database does not exist"],
  "3F000": ["unsupported", NOT_INSTALLED],
  "40": ["unavailable", "The database undid the transaction in favour of another"],
  "42": ["invalid_argument", "The database does not understand the query"],
  "42501": ["permission_denied", "The role may not do this; message_store is the role that may do all"],
  "42883": ["unsupported", NOT_INSTALLED],
  "42P01": ["unsupported", NOT_INSTALLED],
  "53": ["resource_exhausted", "The database has no room for more"],
  "53300": ["unavailable", "The database takes no more connections"],
  "54001": ["invalid_argument", "One of the values is nested too deeply"],
  "54": ["invalid_argument", "A name is longer than an index of the database can hold"],
  "57": ["unavailable", "The database is shutting down or starting"],
  "57014": ["timeout", "The database ended the statement, which ran for too long"],
};

/** Classes and states after which it is open whether a statement was carried out. */
const OPEN = ["08", "57P01", "57P02", "57P05"];

/** What drivers say of connections by themselves: those that were never made, and those that were lost. */
const NOT_SENT = ["CONNECT_TIMEOUT", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ENOENT", "CONNECTION_ENDED", "08001", "08004"];
const LOST = ["CONNECTION_CLOSED", "CONNECTION_DESTROYED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];

/** The SQLSTATE of a driver's error, or its own word of the kind; empty where it has none. */
export function sqlState(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** Whether a unique index refused a row. */
export function violated(error: unknown, index: string): boolean {
  // postgres.js and PGlite name the field differently.
  const { constraint_name, constraint } = Object(error) as { constraint_name?: unknown; constraint?: unknown };
  return sqlState(error) === "23505" && (constraint_name ?? constraint) === index;
}

/**
 * A driver's error as ours. It holds no SQL, no data and nothing of the connection: texts of the database may, so only
 * those that Message DB itself makes are passed on.
 *
 * @param sent What `applied` is where the connection was lost: `unknown` for a write.
 */
export function toMessageDbError(error: unknown, sent: Applied = "no"): MillraceError {
  if (isMillraceError(error)) return error;
  const state = sqlState(error);
  const { message } = Object(error) as { message?: unknown };
  const make = (code: ErrorCode, text: string, applied: Applied): MillraceError =>
    new MillraceError(code, state === "" ? text : `${text} (${state})`, { system: "messagedb", applied });
  if (NOT_SENT.includes(state)) return make("unavailable", "The database cannot be reached", "no");
  if (LOST.includes(state)) return make("unavailable", "The connection to the database was lost", sent);
  if (state === "P0001" && typeof message === "string" && REFUSALS.test(message)) return new MillraceError("invalid_argument", message, { system: "messagedb" });
  const [code, text] = STATES[state] ?? STATES[state.slice(0, 2)] ?? ["internal", "The database refused the statement"];
  return make(code, text, OPEN.some((open) => state.startsWith(open)) || state === "" ? sent : "no");
}
