import { dashboardFolder, readPages } from "./dashboard-pages.js";
import { GATEWAY_USAGE, parseGatewayFlags } from "./gateway-flags.js";
import { gatewaySettings } from "./gateway-settings.js";
import { standardErrorLog } from "./log.js";
import { serveGateway } from "./serve.js";
import { keepNurserySmall } from "./small-nursery.js";
import { terminated } from "./terminated.js";

const ALLOW_ALL_WARNING = "ALLOW-ALL: every call is allowed, to every page and program of this machine. For development only";

/**
 * `millrace gateway`: serves until SIGTERM or SIGINT, then drains.
 *
 * @returns The exit code.
 * @throws {ConfigError}
 */
export async function gatewayCommand(args: readonly string[]): Promise<number> {
  const flags = parseGatewayFlags(args);
  if (flags.help) {
    process.stdout.write(GATEWAY_USAGE);
    return 0;
  }
  keepNurserySmall();
  const log = standardErrorLog("info");
  const settings = gatewaySettings(flags, process.env);
  const pages = flags.dashboard ? readPages(dashboardFolder()) : undefined;
  const end = terminated();
  const running = await serveGateway({ ...settings, options: { ...settings.options, pages, log } });
  if (settings.options.allowAll === true) log.warn(ALLOW_ALL_WARNING);
  else log.warn("There is no policy: every call is refused until there is one. For development, --allow-all on a loopback address allows all");
  log.info({ url: running.url, systems: Object.keys(settings.options.upstreams) }, "The gateway serves");
  process.stdout.write(flags.json ? `${JSON.stringify({ ready: true, url: running.url })}\n` : `The gateway serves ${running.url}\n`);
  log.info({ signal: await end }, "The gateway drains");
  await running.close();
  return 0;
}
