import { parseArgs } from "node:util";
import { ConfigError } from "./config-error.js";

/** The flags of `millrace gateway`. */
export interface GatewayFlags {
  readonly listen: string | undefined;
  readonly config: string | undefined;
  readonly allowAll: boolean;
  readonly origins: readonly string[];
  readonly umadb: string | undefined;
  readonly eventstoredb: string | undefined;
  readonly kubemq: string | undefined;
  readonly messagedb: string | undefined;
  readonly upstreamCa: string | undefined;
  readonly dashboard: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/** What `millrace gateway --help` prints. */
export const GATEWAY_USAGE = `millrace gateway [flags]

Lets web pages use an event store: gRPC-Web in, gRPC out, and for
Message DB JSON in, SQL out.

  --listen HOST:PORT         where to serve; 127.0.0.1:8080 by default, port 0 for any
  --config FILE              a YAML file; flags win over it, origins add to it
  --umadb URL                the UmaDB server, such as http://127.0.0.1:50051
  --eventstoredb STRING      EventStoreDB by its connection string, such as esdb://127.0.0.1:2113?tls=false
  --kubemq URL               the KubeMQ server, such as http://127.0.0.1:50000
  --messagedb URL            Message DB in PostgreSQL, such as
                             postgres://message_store@127.0.0.1:5432/message_store
  --upstream-ca FILE         certificate authorities (PEM) to trust for those
  --origin URL               a page's origin to admit; may be repeated
  --allow-all                for development: allow every call, from pages of this machine
  --dashboard                serve the dashboard at /
  --json                     print one line of JSON when ready
`;

/** @throws {ConfigError} For flags that do not exist or lack their value. */
export function parseGatewayFlags(args: readonly string[]): GatewayFlags {
  const values = parse(args);
  return {
    listen: values.listen,
    config: values.config,
    allowAll: values["allow-all"] === true,
    origins: values.origin ?? [],
    umadb: values.umadb,
    eventstoredb: values.eventstoredb,
    kubemq: values.kubemq,
    messagedb: values.messagedb,
    upstreamCa: values["upstream-ca"],
    dashboard: values.dashboard === true,
    json: values.json === true,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        listen: { type: "string" },
        config: { type: "string" },
        "allow-all": { type: "boolean" },
        origin: { type: "string", multiple: true },
        umadb: { type: "string" },
        eventstoredb: { type: "string" },
        kubemq: { type: "string" },
        messagedb: { type: "string" },
        "upstream-ca": { type: "string" },
        dashboard: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}
