/** A message that says more about an error. */
export interface ErrorDetails {
  /** Its full protobuf name, such as `umadb.v1.ErrorResponse`. */
  readonly typeName: string;
  readonly value: Uint8Array;
}

/** The end of a call with a status other than 0, as an embedded server says it. */
export class StatusError extends Error {
  override name = "StatusError";
  /** The gRPC status code, 1 to 16. */
  readonly status: number;
  /** The error as a message of the system's own; how it travels depends on who asks. */
  readonly details: ErrorDetails | undefined;
  /** Trailing metadata beside the error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, more: { details?: ErrorDetails; headers?: Readonly<Record<string, string>> } = {}) {
    super(message);
    this.status = status;
    this.details = more.details;
    this.headers = more.headers ?? {};
  }
}

/** What an embedded method is told beside its requests. */
export interface ServiceContext {
  /** Request metadata. */
  readonly headers: Headers;
  /** Aborted when the caller has left; the method ends then. */
  readonly signal: AbortSignal;
  /** The call is accepted, though there may be no message for a while: its response headers leave now. */
  begin(): void;
}

/**
 * One method of an embedded server: request payloads in, answer payloads out. It ends the call by ending, or with a
 * status by throwing a {@link StatusError}.
 */
export type ServiceMethod = (requests: AsyncIterable<Uint8Array>, context: ServiceContext) => AsyncIterable<Uint8Array>;

/** An embedded server: its methods by path. */
export interface EmbeddedService {
  readonly methods: ReadonlyMap<string, ServiceMethod>;
  /** The largest request message of a method, in bytes; above it a call ends with OUT_OF_RANGE, as the real server's does. */
  maxRequestBytes(path: string): number;
  /** Ends every open call as the real server's shutdown does. Idempotent. */
  close(): void;
}
