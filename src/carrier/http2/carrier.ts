import { checkInteger, checkOptions, invalidArgument } from "../../core/arguments.js";
import { MillraceError } from "../../core/errors.js";
import { checkHeaders } from "../headers.js";
import { CARRIER_DEFAULTS, type Carrier } from "../types.js";
import { CarriedCall } from "./carried-call.js";
import { Upstream, type UpstreamOptions } from "./upstream.js";

/** Where an {@link http2Carrier} connects to, and how. */
export interface Http2CarrierOptions extends Pick<UpstreamOptions, "url" | "ca" | "connectTimeoutMs" | "watch" | "windowBytes"> {
  /** Sent as `authorization: Bearer …` with each call that has no `authorization` of its own. */
  apiKey?: string | undefined;
  /** Allows `apiKey` over `http:` and `grpc:`, where everybody on the way can read it; `false` by default. */
  allowInsecureApiKey?: boolean | undefined;
  /** Sent with each call; a call's own header of the same name replaces. */
  headers?: HeadersInit | undefined;
  /** Until a connection must stand, in milliseconds, the server's SETTINGS included; 10 000 by default. */
  connectTimeoutMs?: number | undefined;
  /** The largest message accepted, in bytes; 16 MiB (16 777 216) by default. */
  maxMessageBytes?: number | undefined;
}

const OPTION_NAMES = [
  "url", "ca", "connectTimeoutMs", "watch", "windowBytes", "apiKey", "allowInsecureApiKey", "headers", "maxMessageBytes",
] as const;

/**
 * Makes calls as native gRPC over HTTP/2, straight to the server. Needs `node:http2`; tested in Node. All kinds of calls,
 * full-duplex bidi included. Connects when the first call needs it and again after a loss; an idle carrier does not keep
 * a process alive.
 *
 * @throws {MillraceError} `invalid_argument` for wrong options, and for an `apiKey` without TLS unless that is allowed.
 */
export function http2Carrier(options: Http2CarrierOptions): Carrier {
  checkOptions("options", options, OPTION_NAMES, "");
  const { url, ca, watch, windowBytes, connectTimeoutMs = CARRIER_DEFAULTS.connectTimeoutMs } = options;
  const maxMessageBytes = checkInteger("maxMessageBytes", options.maxMessageBytes ?? CARRIER_DEFAULTS.maxMessageBytes, 1, 0xffff_ffff);
  const upstream = new Upstream({ url, ca, watch, windowBytes, connectTimeoutMs });
  const headers = ownHeaders(options);
  return {
    call: (call) => new CarriedCall(upstream, { headers, maxMessageBytes }, call).response,
    close: () => upstream.close(),
  };
}

function ownHeaders({ url, apiKey, allowInsecureApiKey, headers: given }: Http2CarrierOptions): Headers {
  const headers = given === undefined ? new Headers() : checkHeaders("headers", given, undefined);
  if (apiKey === undefined) return headers;
  if (typeof apiKey !== "string" || !/^[\x21-\x7e]*$/.test(apiKey)) throw invalidArgument("apiKey", apiKey, "must be a string of visible ASCII characters");
  if (allowInsecureApiKey !== true && !/^(https|grpcs):/i.test(String(url))) {
    throw new MillraceError("invalid_argument", "`apiKey` would travel without TLS: use https or grpcs, or set `allowInsecureApiKey`");
  }
  headers.set("authorization", `Bearer ${apiKey}`);
  return headers;
}
