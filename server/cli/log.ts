import { pino, type Logger } from "pino";

/** Lines that wait for somebody to read standard error, at most. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * A log of JSON lines on standard error that never waits for its reader: one that stops reading would stop the whole
 * process. Lines that it has no room for are left out.
 *
 * @param level The least important level that is written.
 */
export function standardErrorLog(level: "info" | "warn"): Logger {
  return pino({ base: null, level }, {
    write(line: string): void {
      if (process.stderr.writableLength + line.length <= MAX_WAITING_BYTES) process.stderr.write(line);
    },
  });
}
