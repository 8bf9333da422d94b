/** Something about the command line or the configuration file that its author must change. The process ends with 2. */
export class ConfigError extends Error {
  override name = "ConfigError";
}
