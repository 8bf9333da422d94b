import { checkFunction, checkOptions, integerFrom, invalidArgument } from "../core/arguments.js";
import { MillraceError, type Applied, type SystemName } from "../core/errors.js";
import type { HeadersOption, RetryOptions } from "../core/options.js";
import { Ending } from "../core/signal.js";
import type { Method } from "../wire/methods.js";
import type { errorOfTrailers } from "../wire/status.js";
import type { Trailers } from "../wire/trailers.js";
import { parseGatewayUrl } from "../core/gateway-url.js";
import type { CarrierByUrlOptions } from "./carrier-by-url.js";
import { checkHeaders } from "./headers.js";
import { checkLimits } from "./limits.js";
import type { WebSocketConstructor } from "./tunnel-link.js";
import type { Carrier } from "./types.js";

/** Where a client's calls go, and how; the same for every system. */
export interface ConnectionOptions {
  /**
   * The gateway, `http:` or `https:`; a path is kept as a prefix. May be relative in a page. Exactly one of `url` and
   * `carrier` is given. Calls that end go by `fetch`, those that stay open through one WebSocket.
   */
  url?: string | URL | undefined;
  /** What moves the calls instead of `url`. It stays its maker's: closing the client does not close it. */
  carrier?: Carrier | undefined;
  /** Sent with each call: a value, or a function that is asked for each call and once more after `unauthenticated`. */
  headers?: HeadersOption | undefined;
  /** Used instead of the platform's `fetch`, with `url` only. Then there is no WebSocket either, unless `webSocket` is given. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Used instead of `globalThis.WebSocket`, which Node 20 has not, with `url` only: the class of the package ws fits. */
  webSocket?: WebSocketConstructor | undefined;
  /**
   * Told, with `url` only, that calls which stay open go by `fetch` for the next minute, and why: the platform has no
   * WebSocket, or the gateway was reached but no tunnel to it. What it throws goes nowhere.
   */
  onFallback?: ((why: MillraceError) => void) | undefined;
  /**
   * Milliseconds; `0` means none. For calls with one answer: the whole call with its repeats. For reads: between two
   * chunks. 30 000 by default for both. Subscriptions take theirs from the call alone.
   */
  timeoutMs?: number | undefined;
  /** How calls that are safe to repeat are repeated; `false` for not at all. 4 tries by default, pauses of 100 to 5 000 ms. */
  retry?: RetryOptions | false | undefined;
  /**
   * Milliseconds until the connection must stand, or until a stream's response headers must have come where only they
   * can be seen (`url`). 10 000 by default.
   */
  connectTimeoutMs?: number | undefined;
  /** The largest message accepted, in bytes; 16 MiB (16 777 216) by default. */
  maxMessageBytes?: number | undefined;
}

/**
 * A system's own reading of a status other than 0.
 *
 * @param sent What `applied` is unless a gateway or the server says otherwise.
 * @param general Makes the error that such a status is by itself.
 */
export type ErrorReading = (trailers: Trailers, method: Method, sent: Applied, general: typeof errorOfTrailers) => MillraceError;

/** What a system adds to a {@link Connection}. */
export interface ConnectionRules {
  readonly toError: ErrorReading;
  /** Names of options that the system's client has beside {@link ConnectionOptions}; it checks those itself. */
  readonly optionNames?: readonly string[] | undefined;
  /** The most metadata that a call may have, in bytes: names, values, and 32 for each. */
  readonly maxMetadataBytes?: number | undefined;
}

/** What a connection's own carrier is made of. */
export type OwnCarrierOptions = Omit<CarrierByUrlOptions, "collect" | "heartbeatMs">;

/** Where a client's calls go and how: a client's options with every default filled in. */
export interface Connection {
  readonly system: SystemName;
  /** What moves the calls: the given carrier, or the connection's own, which `make` makes for the first of them. */
  readonly carrier: (make: (options: OwnCarrierOptions) => Carrier) => Carrier;
  readonly headers: HeadersOption | undefined;
  /** Milliseconds; `undefined` leaves each kind of call its own default. */
  readonly timeoutMs: number | undefined;
  readonly connectTimeoutMs: number;
  readonly retry: Required<Readonly<Record<keyof RetryOptions, number>>> | false;
  readonly maxMessageBytes: number;
  readonly toError: ErrorReading;
  /** The most metadata that a call may have, in bytes: names, values, and 32 for each. */
  readonly maxMetadataBytes: number;
  /** Ends with {@link Connection.close}; its reason is the error that open calls then end with. */
  readonly closed: Ending;
  /** Ends all calls with `unavailable`, and closes the carrier if the connection made it. Idempotent. */
  close(): Promise<void>;
}

/**
 * A client's options, checked and with every default filled in. Sends nothing.
 *
 * @throws {MillraceError} `invalid_argument`, naming option and rule.
 */
export function openConnection(system: SystemName, options: ConnectionOptions, { toError, optionNames = [], maxMetadataBytes = Infinity }: ConnectionRules): Connection {
  const ms = integerFrom(0);
  checkOptions("options", options, {
    url: undefined,
    carrier: undefined,
    headers: (name, value) => typeof value === "function" || checkHeaders(name, value, system),
    fetch: checkFunction,
    webSocket: checkFunction,
    onFallback: checkFunction,
    timeoutMs: ms,
    retry: (name, value) => value === false || checkOptions(name, value, { attempts: integerFrom(1), baseMs: ms, maxMs: ms }, "retry.", system),
    connectTimeoutMs: undefined,
    maxMessageBytes: undefined,
    ...Object.fromEntries(optionNames.map((name) => [name, undefined])),
  }, "", system);
  const { url, carrier: given, headers, fetch, webSocket, onFallback, timeoutMs, retry } = options;
  const { attempts = 4, baseMs = 100, maxMs = 5_000 } = retry || {};
  const limits = checkLimits(options, system);
  if ((url === undefined) === (given === undefined)) throw new MillraceError("invalid_argument", "Exactly one of `url` and `carrier` must be given", { system });
  if (given !== undefined) {
    for (const [name, value] of Object.entries({ fetch, webSocket, onFallback })) {
      if (value !== undefined) throw invalidArgument(name, value, "must be given with `url` only", system);
    }
  }
  const { call, close } = Object(given) as Partial<Carrier>;
  if (given !== undefined && (typeof call !== "function" || typeof close !== "function")) throw invalidArgument("carrier", given, "must be a carrier, with call() and close()", system);
  const own = given ?? { ...limits, gateway: parseGatewayUrl(url, system), fetch, webSocket, onFallback };
  const closed = new Ending();
  let made = given;
  return {
    ...limits, system, headers, timeoutMs, retry: retry === false ? retry : { attempts, baseMs, maxMs }, toError, maxMetadataBytes, closed,
    carrier: (make) => (made ??= make(own as OwnCarrierOptions)),
    async close() {
      closed.end(new MillraceError("unavailable", "The client is closed", { system }));
      if (given === undefined) await made?.close();
    },
  };
}
