import { checkOptions, invalidArgument } from "millrace/internal/core/arguments";
import { allMethods } from "millrace/internal/wire/methods";
import { checkEventStoreDbSettings } from "./systems/eventstoredb/connection.js";
import type { ExtraUpstream, GatewayOptions, UpstreamSettings } from "./options.js";

const OPTIONS = ["upstreams", "origins", "hosts", "policy", "allowAll", "limits", "pages", "log", "extraUpstreams"] as const satisfies readonly (keyof GatewayOptions)[];
const SYSTEMS = ["umadb", "eventstoredb", "kubemq", "messagedb"] as const satisfies readonly (keyof GatewayOptions["upstreams"])[];
const UPSTREAM = ["url", "ca", "apiKey", "allowInsecureApiKey", "credentials"] as const satisfies readonly (keyof UpstreamSettings)[];

/**
 * Refuses options of the wrong shape: what is ignored silently is a rule that its operator believes to be in force.
 *
 * @throws {MillraceError} `invalid_argument`, naming the option.
 */
export function checkGatewayOptions(options: GatewayOptions): void {
  checkOptions("options", options, OPTIONS, "");
  const { upstreams, origins, hosts, policy, allowAll, limits, pages, log, extraUpstreams } = options;
  checkOptions("upstreams", upstreams, SYSTEMS, "upstreams.");
  for (const [name, list] of Object.entries({ origins, hosts })) {
    if (list !== undefined && !Array.isArray(list)) throw invalidArgument(name, list, "must be an array");
  }
  checkOptional("policy", policy, "must be a function", (value) => typeof value === "function");
  checkOptional("allowAll", allowAll, "must be a boolean", (value) => typeof value === "boolean");
  checkOptional("limits", limits, "must be an object", isRecord);
  checkOptional("pages", pages, "must be a map of pages by path", (value) => isRecord(value) && typeof value["get"] === "function");
  checkOptional("log", log, "must have the functions info and warn", (value) => isRecord(value) && typeof value["info"] === "function" && typeof value["warn"] === "function");
  checkOptional("extraUpstreams", extraUpstreams, "must be an object", isRecord);
  if (allowAll === true && policy !== undefined) throw invalidArgument("policy", policy, "cannot stand beside allowAll");
  if (allowAll !== true && (hosts ?? []).length === 0) {
    throw invalidArgument("hosts", hosts, "must name the hosts by which the gateway is reached: requests for others are refused");
  }
}

/** The settings of one system, checked. */
export function checkUpstream(name: string, settings: UpstreamSettings): UpstreamSettings {
  const path = `upstreams.${name}`;
  if (name !== "eventstoredb") return checkSettings(path, settings, UPSTREAM);
  checkOptions(path, settings, [...UPSTREAM, "allowedNodes"], `${path}.`);
  const secure = checkEventStoreDbSettings(settings, path);
  return checkCredentials(path, settings, secure);
}

/** The settings of a system outside the method table, checked. What the table has is not replaced. */
export function checkExtraUpstream(name: string, settings: ExtraUpstream): ExtraUpstream {
  const path = `extraUpstreams.${name}`;
  const known = allMethods();
  if ([...known.values()].some(({ system }) => system === name)) throw invalidArgument(path, settings, "has the name of a system that the gateway knows by itself");
  checkSettings(path, settings, [...UPSTREAM, "methods"]);
  if (!Array.isArray(settings.methods)) throw invalidArgument(`${path}.methods`, settings.methods, "must be an array");
  for (const [at, method] of settings.methods.entries()) {
    if (!isRecord(method) || typeof method["path"] !== "string") throw invalidArgument(`${path}.methods[${at}]`, method, "must have a path");
    if (known.has(method["path"])) throw invalidArgument(`${path}.methods[${at}].path`, method["path"], "is a method that the gateway knows by itself");
  }
  return settings;
}

/** An origin as browsers write it. */
export function checkOrigin(value: string, at: number): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  const isOrigin = url !== undefined && url.origin !== "null" && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!isOrigin) throw invalidArgument(`origins[${at}]`, value, "must be an origin such as https://app.example");
  return url.origin;
}

/** A host as requests name it, in lower case. */
export function checkHost(value: string, at: number): string {
  const host = typeof value === "string" ? value.toLowerCase() : "";
  if (!/^([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(host)) {
    throw invalidArgument(`hosts[${at}]`, value, "must be a host name or address, with or without a port");
  }
  return host;
}

function checkSettings<Settings extends UpstreamSettings>(path: string, settings: Settings, known: readonly string[]): Settings {
  checkOptions(path, settings, known, `${path}.`);
  const { url } = settings;
  if (typeof url !== "string" || !/^(https?|grpcs?):\/\/[^/]/i.test(url)) throw invalidArgument(`${path}.url`, url, "must be a URL with http, https, grpc or grpcs");
  return checkCredentials(path, settings, /^(https|grpcs):/i.test(url));
}

/** What all systems' settings have beside a url, which is `secure` or not. */
function checkCredentials<Settings extends UpstreamSettings>(path: string, settings: Settings, secure: boolean): Settings {
  const { ca, apiKey, allowInsecureApiKey, credentials } = settings;
  checkOptional(`${path}.ca`, ca, "must be a string", (value) => typeof value === "string");
  checkOptional(`${path}.apiKey`, apiKey, "must be printable ASCII without blanks", (value) => typeof value === "string" && /^[\x21-\x7e]+$/.test(value));
  checkOptional(`${path}.allowInsecureApiKey`, allowInsecureApiKey, "must be a boolean", (value) => typeof value === "boolean");
  checkOptional(`${path}.credentials`, credentials, 'must be "gateway" or "client"', (value) => value === "gateway" || value === "client");
  if (apiKey !== undefined && allowInsecureApiKey !== true && !secure) {
    throw invalidArgument(`${path}.apiKey`, apiKey, "needs a url with TLS: without it everybody on the way can read it (allowInsecureApiKey: true sends it all the same)");
  }
  return settings;
}

function checkOptional(name: string, value: unknown, rule: string, holds: (value: unknown) => boolean): void {
  if (value !== undefined && !holds(value)) throw invalidArgument(name, value, rule);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
