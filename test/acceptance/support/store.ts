import { connect, type ClientHttp2Session } from "node:http2";
import { AppendRequest, AppendResponse, HeadRequest, HeadResponse, ReadRequest, ReadResponse, type AppendCondition, type Event, type SequencedEvent } from "millrace/internal/gen/static/umadb/v1/umadb";

/** Talks to the store itself, over a connection of its own and with no code of ours between but the message codecs. */
export class Store {
  readonly #session: ClientHttp2Session;

  constructor(url: string) {
    this.#session = connect(url, { settings: { initialWindowSize: 4 << 20 } });
    this.#session.on("error", () => undefined);
  }

  async append(events: readonly Event[], condition?: AppendCondition): Promise<bigint> {
    const request = AppendRequest.encode({ events: [...events], condition, trackingInfo: undefined }).finish();
    for (let attempt = 1; ; attempt++) {
      try {
        return AppendResponse.decode(first(await this.#call("Append", request))).position;
      } catch (error) {
        // Somebody else's append was cancelled in the same batch: nothing was written.
        if (attempt === 10 || !String(error).includes("cancelled by user")) throw error;
      }
    }
  }

  async head(): Promise<bigint> {
    return HeadResponse.decode(first(await this.#call("Head", HeadRequest.encode({}).finish()))).position ?? 0n;
  }

  /** All events past a position, at once. */
  async all(after = 0n): Promise<SequencedEvent[]> {
    const request = ReadRequest.encode({ query: undefined, start: after + 1n, backwards: undefined, limit: undefined, subscribe: undefined, batchSize: 4_096 }).finish();
    return (await this.#call("Read", request)).flatMap((message) => ReadResponse.decode(message).events);
  }

  /** Appends `count` events, made by `make`, in requests of `perRequest`. */
  async fill(count: number, perRequest: number, make: (n: number) => Event): Promise<void> {
    for (let from = 0; from < count; from += perRequest) {
      const size = Math.min(perRequest, count - from);
      await this.append(Array.from({ length: size }, (_, n) => make(from + n)));
    }
  }

  close(): void {
    this.#session.destroy();
  }

  #call(method: string, message: Uint8Array): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ":method": "POST", ":path": `/umadb.v1.DCB/${method}`, "content-type": "application/grpc", te: "trailers" });
      const parts: Buffer[] = [];
      let status: unknown;
      let text: unknown;
      const read = (headers: Record<string, unknown>): void => {
        status ??= headers["grpc-status"];
        text ??= headers["grpc-message"];
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("error", reject);
      stream.on("close", () => (status === "0" ? resolve(messages(Buffer.concat(parts))) : reject(new Error(`${method} ended with ${String(status)} ${decodeURIComponent(String(text))}`))));
      stream.end(envelope(message));
    });
  }
}

/** A gRPC message in its five-byte envelope. */
export function envelope(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** An event with the fields that a script does not care about. */
export function event(type: string, tags: readonly string[], data: Uint8Array, uuid = ""): Event {
  return { eventType: type, tags: [...tags], data, uuid, metadata: [] };
}

function messages(body: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    found.push(body.subarray(at + 5, end));
    at = end;
  }
  return found;
}

function first(found: Buffer[]): Buffer {
  const message = found[0];
  if (message === undefined) throw new Error("The store answered without a message");
  return message;
}
