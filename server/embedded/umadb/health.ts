import { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus as Status } from "millrace/internal/gen/static/grpc/health/v1/health";
import { umadbMethods } from "millrace/internal/wire/methods";
import { StatusError, type ServiceMethod } from "../service.js";

const SERVICES = new Set(["", "umadb.v1.DCB"]);

/** The health service beside UmaDB: serving until `shutdown` is aborted. Needs no key. */
export function healthMethods(shutdown: AbortSignal): [path: string, method: ServiceMethod][] {
  const answer = (): Uint8Array => HealthCheckResponse.encode({ status: shutdown.aborted ? Status.NOT_SERVING : Status.SERVING }).finish();
  return [
    [umadbMethods.healthCheck.path, async function* (requests) {
      await checkName(requests);
      yield answer();
    }],
    [umadbMethods.healthWatch.path, async function* (requests, { signal }) {
      await checkName(requests);
      if (!shutdown.aborted) yield answer();
      await aborted(AbortSignal.any([signal, shutdown]));
      if (!signal.aborted) yield answer();
    }],
  ];
}

async function checkName(requests: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const bytes of requests) {
    if (SERVICES.has(HealthCheckRequest.decode(bytes).service)) return;
    throw new StatusError(5, "service not registered");
  }
  throw new StatusError(13, "Missing request message.");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
