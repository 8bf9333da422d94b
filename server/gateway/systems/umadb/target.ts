import { HealthCheckResponse, HealthCheckResponse_ServingStatus } from "millrace/internal/gen/static/grpc/health/v1/health";
import { Upstream } from "millrace/internal/carrier/http2/upstream";
import { umadbMethods } from "millrace/internal/wire/methods";
import { responseTrailers } from "../../headers.js";
import type { Limits } from "../../limits.js";
import type { UpstreamSettings } from "../../options.js";
import { within } from "../../within.js";
import { Readiness } from "../readiness.js";
import { plainTarget, type Target } from "../target.js";
import { Appends } from "./append.js";
import { refusalOfAppend } from "./append-request.js";
import { presentTrailers } from "./error-details.js";

/** UmaDB: appends in an order of their own, errors that every client can read, and calls that its drain would cut short. */
export function umadbTarget(settings: UpstreamSettings, limits: Limits): Target {
  const upstream = new Upstream({ url: settings.url, ca: settings.ca, appendSessions: limits.conditionalAppends });
  const appends = new Appends(upstream, limits);
  const readiness = new Readiness(upstream, {
    method: umadbMethods.healthCheck,
    saysServing: (payload) => HealthCheckResponse.decode(payload).status === HealthCheckResponse_ServingStatus.SERVING,
  });
  return {
    ...plainTarget(upstream, settings),
    handlers: new Map([[umadbMethods.append.path, appends.handler]]),
    cutsOnDrain: true,
    check: (path, message) => (path === umadbMethods.append.path ? refusalOfAppend(message) : undefined),
    trailers: (trailers) => presentTrailers(responseTrailers(trailers)),
    isServing: () => readiness.isServing(),
    async close(drainMs) {
      await within(drainMs, appends.idle());
      await upstream.close();
    },
  };
}
