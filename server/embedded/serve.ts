import { Status } from "millrace/internal/gen/static/google/rpc/status";
import { toBase64 } from "millrace/internal/core/base64";
import type { Trailers } from "millrace/internal/wire/trailers";
import { StatusError, type EmbeddedService, type ServiceContext } from "./service.js";

/**
 * How an error's details travel: `status` wraps them in `google.rpc.Status`, which every client can read; `raw` is
 * what a system's own clients read from the real server.
 */
export type DetailsForm = "status" | "raw";

/** Runs one call: yields the answer's payloads and returns how it ended. Does not throw, whatever the method does. */
export async function* serve(
  service: EmbeddedService,
  path: string,
  requests: AsyncIterable<Uint8Array>,
  context: ServiceContext,
  form: DetailsForm,
): AsyncGenerator<Uint8Array, Trailers> {
  const method = service.methods.get(path);
  if (method === undefined) return trailersOf(12, "");
  try {
    for await (const payload of method(requests, context)) yield payload;
    return trailersOf(0, "");
  } catch (error) {
    if (!(error instanceof StatusError)) return trailersOf(13, "The embedded server failed");
    return trailersOf(error.status, error.message, detailsHeader(error, form));
  }
}

function trailersOf(status: number, message: string, details?: string): Trailers {
  return { status, message, headers: new Headers(details === undefined ? {} : { "grpc-status-details-bin": details }) };
}

function detailsHeader({ details, message, status }: StatusError, form: DetailsForm): string | undefined {
  if (details === undefined) return undefined;
  if (form === "raw") return toBase64(details.value, false);
  const { typeName, value } = details;
  const any = { typeUrl: `type.googleapis.com/${typeName}`, value };
  return toBase64(Status.encode({ code: status, message, details: [any] }).finish(), false);
}
