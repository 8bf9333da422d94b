import { isLoopbackHost } from "../gateway/admission.js";
import { ConfigError } from "./config-error.js";

/** Where a server listens. */
export interface ListenAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/**
 * `HOST:PORT`, with IPv6 addresses in brackets.
 *
 * @throws {ConfigError}
 */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new ConfigError(`listen must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, got "${text}"`);
  return { host: (match[1] ?? match[2]) as string, port };
}

/** Whether only this machine can connect to it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return isLoopbackHost(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether it stands for every address of the machine, so that it names no host. */
export function isWildcard({ host }: ListenAddress): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The host as a URL writes it. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
