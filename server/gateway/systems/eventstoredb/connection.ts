import { MillraceError } from "millrace/internal/core/errors";
import { Cluster } from "millrace/internal/eventstoredb/http2/cluster";
import type { EventStoreDbSettings } from "../../options.js";

const PLAIN_URL = /^(?:http|grpc)(s?):\/\/([^/?#@]+)\/?$/i;

/**
 * The cluster, or the one node, that the settings name; nothing is connected yet.
 *
 * @throws {MillraceError} `invalid_argument`; nothing of the connection string is in the text.
 */
export function openCluster({ url, ca, allowedNodes }: EventStoreDbSettings): Cluster {
  return new Cluster(connectionStringOf(url), { ca, allowedNodes, forwardsCredentials: false });
}

/** Any other URL names one node; its port is that of its scheme, as in every URL. */
function connectionStringOf(url: string): string {
  const match = typeof url === "string" ? PLAIN_URL.exec(url) : null;
  if (match === null) return url;
  const secure = match[1] !== "";
  const host = match[2] as string;
  return `esdb://${/:\d+$/.test(host) ? host : `${host}:${secure ? 443 : 80}`}?tls=${secure}`;
}

/**
 * Refuses settings that no cluster can be opened with.
 *
 * @returns Whether nodes are reached by TLS.
 * @throws {MillraceError} `invalid_argument`, naming the option.
 */
export function checkEventStoreDbSettings(settings: EventStoreDbSettings, path: string): boolean {
  try {
    return openCluster(settings).connection.tls;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(error.code, error.message.replace(/^`(connectionString|allowedNodes)/, (_, name: string) => `\`${path}.${name === "connectionString" ? "url" : name}`), { cause: error.cause });
  }
}
