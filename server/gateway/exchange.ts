/** Header fields by lower-case name, as HTTP libraries give and take them. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who sent a request, as far as limits and fairness care. */
export interface Client {
  /** The address that the connection comes from. */
  readonly address: string;
  /** The connection: the same object for every request that came over it. */
  readonly connection: object;
}

/** What a {@link RequestBody} tells its one reader. */
export interface BodyEvents {
  data(bytes: Uint8Array): void;
  /** The body is complete. Does not come for a request that was cut off; its sink reports `gone`. */
  end(): void;
}

/** The body of a request. Nothing is read before `read`. */
export interface RequestBody {
  read(events: BodyEvents): void;
  pause(): void;
  resume(): void;
}

/** One HTTP request, free of any runtime's types. */
export interface GatewayRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** The host that the request is addressed to, with its port where one was given. */
  readonly host: string | undefined;
  readonly headers: HeaderFields;
  readonly client: Client;
  readonly body: RequestBody;
}

/** What a {@link ResponseSink} tells the one who answers. */
export interface SinkEvents {
  /** After a `write` that returned false: there is room again. */
  writable(): void;
  /** The whole response was handed to the network. */
  finished(): void;
  /** The peer went away before that. Nothing comes after it. */
  gone(): void;
}

/** Takes the response to one request. */
export interface ResponseSink {
  listen(events: SinkEvents): void;
  /**
   * Status and headers; they travel with the first bytes of the body.
   *
   * @param lasting The body goes on until its reader leaves, so a connection that carries one answer at a time ends with it.
   */
  open(status: number, headers: HeaderFields, lasting?: boolean): void;
  /** Sends status and headers now, ahead of any body. */
  flush(): void;
  /** Returns false when the peer does not keep up; the bytes were taken all the same. */
  write(bytes: Uint8Array): boolean;
  end(bytes?: Uint8Array): void;
  /** Breaks the response off, so that the peer sees it was not whole. */
  destroy(): void;
}

/** The gateway's core: answers one request. Never throws. */
export type Handler = (request: GatewayRequest, sink: ResponseSink) => void;

/** A field's value as one string; `undefined` when it is not there. */
export function fieldOf(headers: HeaderFields, name: string): string | undefined {
  const value = headers[name];
  return value === undefined || typeof value === "string" ? value : value.join(", ");
}
