import { PingResult } from "millrace/internal/gen/static/kubemq/kubemq";
import { kubemqMethods } from "millrace/internal/wire/methods";
import type { UpstreamSettings } from "../../options.js";
import { within } from "../../within.js";
import { Readiness } from "../readiness.js";
import { plainTarget, type Target } from "../target.js";
import { refusalOfNames } from "./names.js";
import { KubeMqUpstream, type KubeMqRules } from "./upstream.js";

/** KubeMQ: names that silence the broker are refused, and calls are left and read with the care that it needs. */
export function kubemqTarget(settings: UpstreamSettings, rules: KubeMqRules = {}): Target {
  const upstream = new KubeMqUpstream(settings, rules);
  const readiness = new Readiness(upstream, {
    method: kubemqMethods.ping,
    saysServing: (payload) => PingResult.decode(payload).ServerStartTime > 0n,
  });
  return {
    ...plainTarget(upstream, settings),
    // A token stands there as it is: the broker knows no scheme.
    authorization: settings.apiKey,
    check: refusalOfNames,
    isServing: () => readiness.isServing(),
    async close(drainMs) {
      await within(drainMs, upstream.settled());
      await upstream.close();
    },
  };
}
