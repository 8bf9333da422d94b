import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "../../gen/es/google/rpc/status_pb.js";
import { fromBase64, toBase64 } from "../core/base64.js";

/** Where gRPC carries an error's details, as a `google.rpc.Status` in base64. */
export const DETAILS_HEADER = "grpc-status-details-bin";

const TYPE_PREFIX = "type.googleapis.com/";

type Details = ConnectError["details"];

/**
 * The details in a header's value.
 *
 * @param code The status they belong to. Bytes that are something else (UmaDB sends a message of its own there) may
 *   decode all the same, but hardly to this code.
 * @returns None for what is no such status.
 */
export function readDetails(header: string | null, code: number): Details {
  const bytes = header === null ? undefined : fromBase64(header);
  if (bytes === undefined) return [];
  try {
    const status = fromBinary(StatusSchema, bytes);
    if (status.code !== code) return [];
    return status.details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  } catch {
    return [];
  }
}

/** A header's value that holds the details of an error. */
export function writeDetails({ code, rawMessage, details }: Pick<ConnectError, "code" | "rawMessage" | "details">): string {
  const anys = details.map((detail) => ("type" in detail
    ? { typeUrl: TYPE_PREFIX + detail.type, value: detail.value }
    : { typeUrl: TYPE_PREFIX + detail.desc.typeName, value: toBinary(detail.desc, create(detail.desc, detail.value)) }));
  return toBase64(toBinary(StatusSchema, create(StatusSchema, { code, message: rawMessage, details: anys })), false);
}
