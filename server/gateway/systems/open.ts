import { Upstream } from "millrace/internal/carrier/http2/upstream";
import type { Limits } from "../limits.js";
import type { UpstreamSettings } from "../options.js";
import { eventStoreDbTarget } from "./eventstoredb/target.js";
import { kubemqTarget } from "./kubemq/target.js";
import { plainTarget, type Target } from "./target.js";
import { umadbTarget } from "./umadb/target.js";

/** Makes the target of one system; nothing is connected yet. */
type OpenTarget = (settings: UpstreamSettings, limits: Limits) => Target;

/** Systems with rules of their own. */
const OPENERS: ReadonlyMap<string, OpenTarget> = new Map<string, OpenTarget>([
  ["umadb", umadbTarget],
  ["eventstoredb", (settings) => eventStoreDbTarget(settings)],
  ["kubemq", (settings) => kubemqTarget(settings)],
]);

const openPlain: OpenTarget = (settings) => plainTarget(new Upstream({ url: settings.url, ca: settings.ca }), settings);

/** Makes the targets of all systems behind a gateway, by name; nothing is connected yet. */
export function openTargets(upstreams: ReadonlyMap<string, UpstreamSettings>, limits: Limits): ReadonlyMap<string, Target> {
  return new Map([...upstreams].map(([name, settings]) => [name, (OPENERS.get(name) ?? openPlain)(settings, limits)]));
}
