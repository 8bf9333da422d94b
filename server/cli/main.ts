#!/usr/bin/env node
import { ConfigError } from "./config-error.js";
import { devCommand } from "./dev.js";
import { gatewayCommand } from "./gateway.js";

const USAGE = `millrace COMMAND

  dev       try everything on this machine: server, gateway, dashboard, events
  gateway   let web pages use an event store

millrace COMMAND --help tells more.
`;

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

process.exitCode = await main(process.argv.slice(2));
