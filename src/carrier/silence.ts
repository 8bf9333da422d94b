import { MISSED } from "../core/silence.js";
import { HEARTBEAT_HEADER } from "../wire/header-names.js";

/** After how much silence to give up a response, by what its headers promise; `undefined` when they promise nothing. */
export function promisedSilenceMs(headers: Headers): number | undefined {
  const promised = headers.get(HEARTBEAT_HEADER) ?? "";
  return /^[1-9]\d{0,6}$/.test(promised) ? Number(promised) * MISSED : undefined;
}
