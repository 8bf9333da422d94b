import { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus as Status } from "millrace/internal/gen/static/grpc/health/v1/health";
import { umadbMethods } from "millrace/internal/wire/methods";
import { linkSignals, onAbort, type Ending } from "millrace/internal/core/signal";
import { StatusError, type ServiceMethod } from "../service.js";

const SERVICES = new Set(["", "umadb.v1.DCB"]);

/** The health service beside UmaDB: serving until `shutdown`. Needs no key. */
export function healthMethods(shutdown: Ending): [path: string, method: ServiceMethod][] {
  const answer = (): Uint8Array => HealthCheckResponse.encode({ status: shutdown.reason !== undefined ? Status.NOT_SERVING : Status.SERVING }).finish();
  return [
    [umadbMethods.healthCheck.path, async function* (requests) {
      await checkName(requests);
      yield answer();
    }],
    [umadbMethods.healthWatch.path, async function* (requests, { signal }) {
      await checkName(requests);
      if (shutdown.reason === undefined) yield answer();
      const over = linkSignals(signal, shutdown);
      try {
        await new Promise<void>((resolve) => { onAbort(over.signal, () => resolve()); });
      } finally {
        over.release();
      }
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
