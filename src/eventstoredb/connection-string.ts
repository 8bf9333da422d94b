import { invalidArgument } from "../core/arguments.js";
import { parseEndpoint, type NodeEndpoint } from "./endpoint.js";
import { nodePreferenceOf, type NodePreference } from "./node-preference.js";

/** What a connection string says, completed with the defaults that the official clients have. */
export interface ConnectionString {
  /** In the order given; at least one. */
  readonly hosts: readonly NodeEndpoint[];
  /** Whether the node to call is found by gossip: `+discover`, or several hosts. */
  readonly discover: boolean;
  /** Decoded. Undefined without a user. */
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  /** True by default. */
  readonly tls: boolean;
  /** A file of certificate authorities (PEM) to trust instead of the system's. */
  readonly tlsCaFile: string | undefined;
  /** Shown in the statistics of persistent subscriptions. */
  readonly connectionName: string | undefined;
  /** `leader` by default. */
  readonly nodePreference: NodePreference;
  /** How often nodes are asked for gossip before a call fails; 10 by default. */
  readonly maxDiscoverAttempts: number;
  /** Between the first two of these attempts, in milliseconds; 100 by default. */
  readonly discoveryIntervalMs: number;
  /** Until a node must have answered with its gossip, in milliseconds; 5 000 by default (the string says seconds). */
  readonly gossipTimeoutMs: number;
  /** For calls with one answer, in milliseconds; undefined leaves it to the client. */
  readonly defaultDeadlineMs: number | undefined;
}

const NAME = "connectionString";
const DEFAULT_PORT = 2113;
const SHAPE = /^(esdb|kurrentdb|kurrent|kdb)(\+discover)?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?([^#]*))?$/i;
const HOST_PORT = /^([^:[\]]+|\[[^\]]+\])(?::(\d{1,5}))?$/;

/** Keys that other clients know and that mean nothing here: pings and what is thrown are not set by a string. */
const PASSED_OVER: ReadonlySet<string> = new Set(["keepaliveinterval", "keepalivetimeout", "throwonappendfailure"]);

/**
 * Reads `scheme://[user[:password]@]host[:port][,host[:port]…][/][?key=value&…]`, with the schemes `esdb`, `kurrentdb`,
 * `kurrent` and `kdb`, each also with `+discover`. Names of parameters are read without their case, `_` and `-`.
 *
 * @throws {MillraceError} `invalid_argument`. The text says what is wrong with which part and holds nothing of the
 *   string, which may contain a password.
 */
export function parseConnectionString(text: string): ConnectionString {
  if (typeof text !== "string") throw wrong(text, "must be a string");
  const match = SHAPE.exec(text);
  if (match === null) throw wrong(text, "must be of the form esdb://[user:password@]host[:port][,host…][?key=value&…], also with kurrentdb, kurrent or kdb and with +discover (percent-encode /, ?, # and @ in user and password)");
  const hosts = (match[4] as string).split(",").map(parseHost);
  return { hosts, discover: match[2] !== undefined || hosts.length > 1, credentials: parseCredentials(match[3]), ...settings(parameters(match[5] ?? "")) };
}

function parseHost(text: string): NodeEndpoint {
  const match = HOST_PORT.exec(text);
  const endpoint = match === null ? undefined : parseEndpoint(match[1] as string, Number(match[2] ?? DEFAULT_PORT));
  if (endpoint === undefined) throw wrong(text, "must name each host as host or host:port, with a port from 1 to 65535");
  return endpoint;
}

function parseCredentials(text: string | undefined): ConnectionString["credentials"] {
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  const user = decode(colon === -1 ? text : text.slice(0, colon));
  if (user === "" || user.includes(":")) throw wrong(text, "must have a user before @, without a colon in it");
  return { user, password: colon === -1 ? "" : decode(text.slice(colon + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(text, "must percent-encode user, password and values correctly");
  }
}

/** Values by name, in lower case and without `_` and `-`. */
function parameters(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    if (equals < 1 || equals === pair.length - 1) throw wrong(pair, "must give each parameter as key=value");
    const key = decode(pair.slice(0, equals)).toLowerCase().replace(/[_-]/g, "");
    if (found.has(key)) throw wrong(pair, "must give each parameter once");
    found.set(key, decode(pair.slice(equals + 1)));
  }
  return found;
}

function settings(given: Map<string, string>): Omit<ConnectionString, "hosts" | "discover" | "credentials"> {
  const take = (name: string): string | undefined => {
    const key = name.toLowerCase();
    const value = given.get(key);
    given.delete(key);
    return value;
  };
  const read = {
    tls: flag("tls", take("tls")) ?? true,
    tlsCaFile: take("tlsCAFile"),
    connectionName: connectionName(take("connectionName")),
    nodePreference: preference(take("nodePreference")),
    maxDiscoverAttempts: whole("maxDiscoverAttempts", take("maxDiscoverAttempts"), 1, 1_000) ?? 10,
    discoveryIntervalMs: whole("discoveryInterval", take("discoveryInterval"), 1, 3_600_000) ?? 100,
    gossipTimeoutMs: (whole("gossipTimeout", take("gossipTimeout"), 1, 3_600) ?? 5) * 1_000,
    defaultDeadlineMs: whole("defaultDeadline", take("defaultDeadline"), 1, 2_147_483_647),
  };
  if (flag("tlsVerifyCert", take("tlsVerifyCert")) === false) throw wrong("", "cannot have tlsVerifyCert=false: certificates are always verified; name the authority by tlsCAFile");
  if (take("userCertFile") !== undefined || take("userKeyFile") !== undefined) throw wrong("", "cannot have userCertFile and userKeyFile: certificates of users are not supported");
  for (const key of given.keys()) {
    if (!PASSED_OVER.has(key)) throw wrong(key, "has a parameter that is not known; known are tls, tlsCAFile, connectionName, nodePreference, maxDiscoverAttempts, discoveryInterval, gossipTimeout and defaultDeadline");
  }
  return read;
}

function flag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  const lower = value.toLowerCase();
  if (lower !== "true" && lower !== "false") throw wrong(value, `must have ${name}=true or ${name}=false`);
  return lower === "true";
}

function whole(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) throw wrong(value, `must have for ${name} an integer from ${min} to ${max}`);
  return number;
}

function preference(value: string | undefined): NodePreference {
  if (value === undefined) return "leader";
  const found = nodePreferenceOf(value);
  if (found === undefined) throw wrong(value, "must have for nodePreference one of leader, follower, random, readOnlyReplica");
  return found;
}

function connectionName(value: string | undefined): string | undefined {
  if (value !== undefined && !/^[\x20-\x7e]+$/.test(value)) throw wrong(value, "must have for connectionName printable ASCII");
  return value;
}

function wrong(value: unknown, rule: string): Error {
  return invalidArgument(NAME, value, rule, "eventstoredb");
}
