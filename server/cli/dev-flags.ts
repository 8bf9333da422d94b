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
  readonly json: boolean;
  readonly help: boolean;
}

/** What `millrace dev --help` prints. */
export const DEV_USAGE = `millrace dev [flags]

Everything to try it on this machine: an embedded UmaDB, a gateway that allows all, the
dashboard, and a small stream of made-up orders. The embedded UmaDB needs nothing installed,
is in memory, and is gone when this ends.

  --listen HOST:PORT         where to serve; 127.0.0.1:8080 by default, or any free port if that is taken
  --umadb URL                use this UmaDB server, which runs already, instead
  --real-umadb               start a real UmaDB server, whose command must be on this machine, instead
  --data DIR                 keep the real server's database there; a temporary one by default
  --native-umadb HOST:PORT   where UmaDB listens for its own clients; any free port by default
  --no-demo                  append no events
  --demo                     append events also to a server of --umadb that has some already
  --json                     print one line of JSON when ready
`;

/** @throws {ConfigError} For flags that do not exist, lack their value, or exclude each other. */
export function parseDevFlags(args: readonly string[]): DevFlags {
  const values = parse(args);
  if (values.demo === true && values["no-demo"] === true) throw new ConfigError("--demo and --no-demo exclude each other");
  const real = values["real-umadb"] === true;
  if (values.umadb !== undefined && (real || values.data !== undefined || values["native-umadb"] !== undefined)) {
    throw new ConfigError("--real-umadb, --data and --native-umadb are for a server that is started here; leave them out with --umadb");
  }
  if (values.data !== undefined && !real) throw new ConfigError("--data needs --real-umadb: the embedded UmaDB keeps nothing");
  return {
    listen: values.listen,
    data: values.data,
    demo: values["no-demo"] === true ? false : values.demo,
    umadb: values.umadb,
    realUmaDb: real,
    nativeUmaDb: values["native-umadb"],
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
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}
