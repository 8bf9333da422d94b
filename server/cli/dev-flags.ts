import { parseArgs } from "node:util";
import { ConfigError } from "./config-error.js";

/** The flags of `millrace dev`. */
export interface DevFlags {
  readonly listen: string | undefined;
  readonly data: string | undefined;
  /** `undefined`: events are streamed unless that could spoil a store that somebody uses. */
  readonly demo: boolean | undefined;
  readonly umadb: string | undefined;
  /** Whether a real UmaDB server is started; else the embedded one serves, unless `umadb` names one. */
  readonly realUmaDb: boolean;
  readonly nativeUmaDb: string | undefined;
  /** Where the embedded EventStoreDB listens; it is there only where this is said. */
  readonly nativeEventStoreDb: string | undefined;
  /** A PostgreSQL with Message DB; the embedded one serves where none is named. */
  readonly messageDb: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

/** What `millrace dev --help` prints. */
export const DEV_USAGE = `millrace dev [flags]

Everything to try it on this machine: an embedded UmaDB and Message DB, a gateway that allows
all, the dashboard, and a small stream of made-up orders. The embedded stores need nothing
installed, are in memory, and are gone when this ends. Message DB is PostgreSQL itself; it
starts when it is first used, which takes a second, the first time on a machine some more.

  --listen HOST:PORT         where to serve; 127.0.0.1:8080 by default, or any free port if that is taken
  --umadb URL                use this UmaDB server, which runs already, instead
  --real-umadb               start a real UmaDB server, whose command must be on this machine, instead
  --messagedb URL            use this PostgreSQL with Message DB instead of the embedded one
  --data DIR                 keep Message DB there, and the database of --real-umadb; by default
                             neither is kept. The embedded UmaDB keeps nothing
  --native-umadb HOST:PORT   where UmaDB listens for its own clients; any free port by default
  --native-eventstoredb HOST:PORT
                             start an embedded EventStoreDB too, and listen there for its own clients
  --no-demo                  append no events
  --demo                     append events also to a server of --umadb that has some already
  --json                     print one line of JSON when ready
`;

/** @throws {ConfigError} For flags that do not exist, lack their value, or exclude each other. */
export function parseDevFlags(args: readonly string[]): DevFlags {
  const values = parse(args);
  if (values.demo === true && values["no-demo"] === true) throw new ConfigError("--demo and --no-demo exclude each other");
  const real = values["real-umadb"] === true;
  if (values.umadb !== undefined && (real || values["native-umadb"] !== undefined)) {
    throw new ConfigError("--real-umadb and --native-umadb are for a server that is started here; leave them out with --umadb");
  }
  if (values.data !== undefined && values.messagedb !== undefined && !real) {
    throw new ConfigError("--data has nothing to keep: --messagedb names a database elsewhere, and the embedded UmaDB keeps nothing");
  }
  return {
    listen: values.listen,
    data: values.data,
    demo: values["no-demo"] === true ? false : values.demo,
    umadb: values.umadb,
    realUmaDb: real,
    nativeUmaDb: values["native-umadb"],
    nativeEventStoreDb: values["native-eventstoredb"],
    messageDb: values.messagedb,
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
        data: { type: "string" },
        demo: { type: "boolean" },
        "no-demo": { type: "boolean" },
        umadb: { type: "string" },
        "real-umadb": { type: "boolean" },
        "native-umadb": { type: "string" },
        "native-eventstoredb": { type: "string" },
        messagedb: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}
