#!/usr/bin/env node
import { ConfigError } from "./config-error.js";
import { devCommand } from "./dev.js";
import { gatewayCommand } from "./gateway.js";

const USAGE = `millrace COMMAND

  dev       try everything on this machine: server, gateway, dashboard, events
  gateway   let web pages use an event store

millrace COMMAND --help tells more.
`;

/** For a reader of the last lines. */
const LAST_LINES_MS = 1_000;

/** Runs a command and returns the exit code: 0 when it ended well, 2 when its arguments are wrong. */
async function main([command, ...args]: readonly string[]): Promise<number> {
  try {
    switch (command) {
      case "dev": return await devCommand(args);
      case "gateway": return await gatewayCommand(args);
      case "--help": case "-h": case "help":
        process.stdout.write(USAGE);
        return 0;
      default:
        process.stderr.write(USAGE);
        return 2;
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`millrace: ${error.message}\n`);
    return 2;
  }
}

/** Resolves when what was written is on its way, or nobody has read it for a while. */
async function written(): Promise<void> {
  const streams = [process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => void stream.write("", () => resolve())));
  const late = new Promise<void>((resolve) => void setTimeout(resolve, LAST_LINES_MS));
  await Promise.race([Promise.all(streams), late]);
}

const exitCode = await main(process.argv.slice(2));
await written();
// Output that nobody reads would keep the process alive for ever.
process.exit(exitCode);
