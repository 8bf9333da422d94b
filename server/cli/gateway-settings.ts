import { isMillraceError } from "millrace/internal/core/errors";
import type { GatewayOptions, MessageDbSettings, UpstreamSettings } from "../gateway/index.js";
import { resolveGatewayOptions } from "../gateway/options.js";
import { ConfigError } from "./config-error.js";
import { readConfigFile, readText, type ConfigFile, type UpstreamConfig } from "./config-file.js";
import type { GatewayFlags } from "./gateway-flags.js";
import { isLoopback, isWildcard, parseListen, urlHost, type ListenAddress } from "./listen-address.js";

/** What `millrace gateway` was told, checked: where to listen, and the gateway to serve there. */
export interface GatewaySettings {
  readonly listen: ListenAddress;
  /** Certificate chain and key (PEM); without them HTTP/1.1 is served in the clear. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly options: GatewayOptions;
}

const DEFAULT_LISTEN = "127.0.0.1:8080";

/**
 * Flags over the configuration file, over the defaults.
 *
 * @throws {ConfigError}
 */
export function gatewaySettings(flags: GatewayFlags, environment: NodeJS.ProcessEnv): GatewaySettings {
  const file: ConfigFile = flags.config === undefined ? {} : readConfigFile(flags.config);
  const listen = parseListen(flags.listen ?? file.listen ?? DEFAULT_LISTEN);
  const allowAll = flags.allowAll || file.allowAll === true;
  if (allowAll && !isLoopback(listen)) {
    throw new ConfigError(`--allow-all lets everybody do everything, so it needs a loopback address to listen on, such as 127.0.0.1:8080; ${urlHost(listen.host)} can be reached from elsewhere`);
  }
  const messagedb = messageDbOf(flags, file, environment);
  const upstreams: GatewayOptions["upstreams"] = { ...upstreamsOf(flags, file, environment), ...(messagedb && { messagedb }) };
  if (Object.keys(upstreams).length === 0) throw new ConfigError("There is no system to serve: give --umadb URL, or upstreams in the file of --config");
  const options: GatewayOptions = {
    upstreams,
    allowAll,
    origins: [...(file.origins ?? []), ...flags.origins],
    hosts: file.hosts ?? defaultHosts(listen, allowAll),
    limits: file.limits,
  };
  check(options);
  const tls = file.tls && { cert: readText(file.tls.cert, "tls.cert"), key: readText(file.tls.key, "tls.key") };
  return { listen, tls, options };
}

/** Names of systems, as flags and file spell them. */
type System = "umadb" | "eventstoredb" | "kubemq";

function upstreamsOf(flags: GatewayFlags, file: ConfigFile, environment: NodeJS.ProcessEnv): Partial<Record<System, UpstreamSettings>> {
  const upstreams: Partial<Record<System, UpstreamSettings>> = {};
  const flaggedCa = flags.upstreamCa === undefined ? undefined : readText(flags.upstreamCa, "--upstream-ca");
  for (const system of ["umadb", "eventstoredb", "kubemq"] as const) {
    const config = file.upstreams?.[system];
    const url = flags[system] ?? config?.url;
    if (url === undefined) continue;
    upstreams[system] = {
      url,
      ca: flaggedCa ?? (config?.ca === undefined ? undefined : readText(config.ca, `upstreams.${system}.ca`)),
      apiKey: config && apiKeyOf(config, system, environment),
      allowInsecureApiKey: config?.allowInsecureApiKey,
      credentials: config?.credentials,
      ...(config?.allowedNodes && { allowedNodes: config.allowedNodes }),
    };
  }
  return upstreams;
}

function messageDbOf({ messagedb: url }: GatewayFlags, { messagedb: config }: ConfigFile, environment: NodeJS.ProcessEnv): MessageDbSettings | undefined {
  if (config === undefined) return url === undefined ? undefined : { url };
  const { urlFile, urlEnv, ...settings } = config;
  if (url !== undefined) return { ...settings, url };
  if (urlFile !== undefined) return { ...settings, url: readText(urlFile, "upstreams.messagedb.urlFile").trim() };
  if (urlEnv === undefined) return settings;
  const given = environment[urlEnv];
  if (given === undefined || given === "") throw new ConfigError(`upstreams.messagedb.urlEnv: the environment variable ${urlEnv} is not set`);
  return { ...settings, url: given };
}

function apiKeyOf({ apiKeyFile, apiKeyEnv }: UpstreamConfig, system: System, environment: NodeJS.ProcessEnv): string | undefined {
  if (apiKeyFile !== undefined && apiKeyEnv !== undefined) throw new ConfigError(`upstreams.${system}: give apiKeyFile or apiKeyEnv, not both`);
  if (apiKeyFile !== undefined) return readText(apiKeyFile, `upstreams.${system}.apiKeyFile`).trim();
  if (apiKeyEnv === undefined) return undefined;
  const key = environment[apiKeyEnv];
  if (key === undefined || key === "") throw new ConfigError(`upstreams.${system}.apiKeyEnv: the environment variable ${apiKeyEnv} is not set`);
  return key;
}

/** The host that the gateway listens on is one that it is reached by; a wildcard says nothing. */
function defaultHosts(listen: ListenAddress, allowAll: boolean): string[] {
  if (isWildcard(listen)) throw new ConfigError(`hosts is missing: with ${urlHost(listen.host)} to listen on, say by which host names the gateway is reached`);
  const own = urlHost(listen.host);
  if (allowAll) return [own];
  return isLoopback(listen) ? [...new Set(["localhost", "127.0.0.1", "[::1]", own])] : [own];
}

function check(options: GatewayOptions): void {
  try {
    resolveGatewayOptions(options);
  } catch (error) {
    throw isMillraceError(error) ? new ConfigError(error.message.replaceAll("`", "").replace("upstreams.messagedb.url", "--messagedb")) : error;
  }
}
