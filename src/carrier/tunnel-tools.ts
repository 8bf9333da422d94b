import { invalidArgument } from "../core/arguments.js";
import { concatBytes } from "../core/bytes.js";
import { connectionLost } from "../core/network-error.js";
import { MillraceError } from "../core/errors.js";
import { abortable, Ending, linkSignals, startTimer } from "../core/signal.js";
import { watchSilence } from "../core/silence.js";
import { EnvelopeReader } from "../wire/envelope-reader.js";
import { encodeEnvelopes } from "../wire/frames.js";
import { encodeGrpcTimeout } from "../wire/timeout.js";
import { parseTrailers } from "../wire/trailers.js";
import { openCall } from "./open-call.js";
import { promisedSilenceMs } from "./silence.js";

/**
 * What the tunnel needs of what a page has loaded anyway. It is handed over: a module that the part loaded on demand
 * imported as well would go, with all that it imports, into a third file, which every page would then load beside the
 * first and which compresses worse.
 */
export const tunnelTools = {
  MillraceError, invalidArgument, concatBytes, connectionLost, abortable, Ending, linkSignals, startTimer, watchSilence, EnvelopeReader, encodeEnvelopes, encodeGrpcTimeout, parseTrailers,
  openCall, promisedSilenceMs,
};

/** The type of {@link tunnelTools}. */
export type TunnelTools = typeof tunnelTools;
