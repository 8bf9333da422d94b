import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import type { MessageDbSettings } from "../gateway/index.js";
import { ConfigError } from "./config-error.js";

/** One system in the configuration file. */
export interface UpstreamConfig {
  url: string;
  /** Path of a PEM file. */
  ca?: string | undefined;
  /** Path of a file that holds the key and nothing else. */
  apiKeyFile?: string | undefined;
  /** Name of the environment variable that holds the key. */
  apiKeyEnv?: string | undefined;
  credentials?: "gateway" | "client" | undefined;
  allowInsecureApiKey?: boolean | undefined;
  /** EventStoreDB's alone. */
  allowedNodes?: readonly string[] | undefined;
}

/** Message DB in the configuration file. */
export interface MessageDbConfig extends Pick<MessageDbSettings, "url" | "maxConnections" | "statementTimeoutMs" | "pollMs" | "queries"> {
  /** Path of a file that holds the address and nothing else. */
  urlFile?: string | undefined;
  /** Name of the environment variable that holds the address. */
  urlEnv?: string | undefined;
}

/** The configuration file; every key may be missing. Paths are absolute here. */
export interface ConfigFile {
  listen?: string | undefined;
  tls?: { cert: string; key: string } | undefined;
  origins?: string[] | undefined;
  hosts?: string[] | undefined;
  upstreams?: Record<string, UpstreamConfig> | undefined;
  messagedb?: MessageDbConfig | undefined;
  limits?: Record<string, number> | undefined;
  allowAll?: boolean | undefined;
}

/**
 * Reads a YAML configuration file. Paths in it count from the file's own folder.
 *
 * @throws {ConfigError} Naming the key that is unknown or has the wrong type.
 */
export function readConfigFile(path: string): ConfigFile {
  return parseConfig(readText(path, "config"), path, dirname(resolve(path)));
}

/** @param folder What relative paths count from. */
export function parseConfig(text: string, path: string, folder: string): ConfigFile {
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (error) {
    throw new ConfigError(`${path}: ${(error as Error).message.split("\n")[0]}`);
  }
  return new ConfigReader(path, folder).read(document);
}

/** The file's text; `what` names the setting that points at it. */
export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown reason"})`);
  }
}

type Fields = Record<string, unknown>;

class ConfigReader {
  readonly #path: string;
  readonly #folder: string;

  constructor(path: string, folder: string) {
    this.#path = path;
    this.#folder = folder;
  }

  read(document: unknown): ConfigFile {
    const root = this.#fields(document, "the file", ["listen", "tls", "origins", "hosts", "upstreams", "limits", "allowAll"]);
    const tls = root["tls"] === undefined ? undefined : this.#fields(root["tls"], "tls", ["cert", "key"]);
    const upstreams = root["upstreams"] === undefined ? {} : this.#fields(root["upstreams"], "upstreams", ["umadb", "eventstoredb", "kubemq", "messagedb"]);
    const { messagedb, ...grpc } = upstreams;
    return {
      listen: this.#optional(root, "", "listen", "string"),
      tls: tls && { cert: this.#file(tls, "tls.", "cert"), key: this.#file(tls, "tls.", "key") },
      origins: this.#texts(root, "origins"),
      hosts: this.#texts(root, "hosts"),
      upstreams: Object.fromEntries(Object.entries(grpc).map(([name, value]) => [name, this.#upstream(name, value)])),
      messagedb: messagedb === undefined ? undefined : this.#messagedb(messagedb, "upstreams.messagedb"),
      limits: root["limits"] === undefined ? undefined : this.#numbers(root["limits"], "limits"),
      allowAll: this.#optional(root, "", "allowAll", "boolean"),
    };
  }

  #upstream(name: string, value: unknown): UpstreamConfig {
    const at = `upstreams.${name}`;
    const fields = this.#fields(value, at, ["url", "ca", "apiKeyFile", "apiKeyEnv", "credentials", "allowInsecureApiKey", ...(name === "eventstoredb" ? ["allowedNodes"] : [])]);
    const url = this.#optional(fields, `${at}.`, "url", "string");
    if (url === undefined) throw this.#wrong(`${at}.url`, "is missing");
    const credentials = this.#optional(fields, `${at}.`, "credentials", "string");
    if (credentials !== undefined && credentials !== "gateway" && credentials !== "client") throw this.#wrong(`${at}.credentials`, "must be gateway or client");
    return {
      url,
      credentials,
      allowedNodes: this.#texts(fields, "allowedNodes"),
      ca: fields["ca"] === undefined ? undefined : this.#file(fields, `${at}.`, "ca"),
      apiKeyFile: fields["apiKeyFile"] === undefined ? undefined : this.#file(fields, `${at}.`, "apiKeyFile"),
      apiKeyEnv: this.#optional(fields, `${at}.`, "apiKeyEnv", "string"),
      allowInsecureApiKey: this.#optional(fields, `${at}.`, "allowInsecureApiKey", "boolean"),
    };
  }

  #messagedb(value: unknown, at: string): MessageDbConfig {
    const fields = this.#fields(value, at, ["url", "urlFile", "urlEnv", "maxConnections", "statementTimeoutMs", "pollMs", "queries"]);
    const url = this.#optional(fields, `${at}.`, "url", "string");
    const urlFile = fields["urlFile"] === undefined ? undefined : this.#file(fields, `${at}.`, "urlFile");
    const urlEnv = this.#optional(fields, `${at}.`, "urlEnv", "string");
    if ([url, urlFile, urlEnv].filter((given) => given !== undefined).length !== 1) throw this.#wrong(at, "must have one of url, urlFile and urlEnv");
    const { maxConnections, statementTimeoutMs, pollMs, queries } = fields as Pick<MessageDbConfig, "maxConnections" | "statementTimeoutMs" | "pollMs" | "queries">;
    return { url, urlFile, urlEnv, maxConnections, statementTimeoutMs, pollMs, queries };
  }

  #fields(value: unknown, at: string, known: readonly string[]): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#wrong(at, "must be a mapping of keys");
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) throw this.#wrong(at === "the file" ? key : `${at}.${key}`, `is not a key that exists here; known are ${known.join(", ")}`);
    }
    return value as Fields;
  }

  #optional<Kind extends "string" | "boolean">(fields: Fields, at: string, key: string, kind: Kind): (Kind extends "string" ? string : boolean) | undefined {
    const value = fields[key];
    if (value === undefined) return undefined;
    if (typeof value !== kind) throw this.#wrong(at + key, `must be a ${kind}`);
    return value as Kind extends "string" ? string : boolean;
  }

  #file(fields: Fields, at: string, key: string): string {
    const path = this.#optional(fields, at, key, "string");
    if (path === undefined) throw this.#wrong(at + key, "is missing");
    return resolve(this.#folder, path);
  }

  #texts(fields: Fields, key: string): string[] | undefined {
    const value = fields[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) throw this.#wrong(key, "must be a list of strings");
    return value as string[];
  }

  #numbers(value: unknown, at: string): Record<string, number> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#wrong(at, "must be a mapping of keys");
    for (const [key, each] of Object.entries(value)) if (typeof each !== "number") throw this.#wrong(`${at}.${key}`, "must be a number");
    return value as Record<string, number>;
  }

  #wrong(key: string, rule: string): ConfigError {
    return new ConfigError(`${this.#path}: ${key} ${rule}`);
  }
}
