import { ConfigError } from "./config-error.js";

/**
 * The URL of the one node that an EventStoreDB connection string names: `esdb://HOST:PORT?tls=false`, also with
 * `kurrentdb` or `kurrent`; an `http` or `https` URL stays as it is.
 *
 * @throws {ConfigError} For discovery, several nodes and credentials, which this version does not have.
 */
export function eventStoreDbUrl(connectionString: string): string {
  if (/^https?:\/\//i.test(connectionString)) return connectionString;
  const match = /^(?:esdb|kurrentdb|kurrent):\/\/([^/?#]+)\/?(?:\?(.*))?$/i.exec(connectionString);
  const hosts = match?.[1];
  if (hosts === undefined) throw new ConfigError("--eventstoredb must be a connection string such as esdb://127.0.0.1:2113?tls=false; discovery (esdb+discover) is not supported yet");
  if (hosts.includes("@")) throw new ConfigError("--eventstoredb: user and password in the connection string are not supported yet");
  if (hosts.includes(",")) throw new ConfigError("--eventstoredb: one node only, a cluster is not supported yet");
  const tls = [...new URLSearchParams(match?.[2] ?? "")].find(([name]) => name.toLowerCase() === "tls")?.[1];
  const host = /:\d+$/.test(hosts) ? hosts : `${hosts}:2113`;
  return `${tls?.toLowerCase() === "false" ? "http" : "https"}://${host}`;
}
