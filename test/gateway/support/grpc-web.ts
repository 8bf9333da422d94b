import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import { encodeEnvelope } from "millrace/internal/wire/frames";

export const GRPC_WEB = "application/grpc-web+proto";

/** What a gRPC-Web body held: payloads of data frames, heartbeats, and the trailers. */
export interface GrpcWebBody {
  readonly messages: Buffer[];
  readonly heartbeats: number;
  readonly trailers: ReadonlyMap<string, string> | undefined;
  /** Whether bytes were left that are no whole frame. */
  readonly cut: boolean;
}

/** Takes a gRPC-Web body apart, independently of the code under test. */
export function parseBody(body: Uint8Array): GrpcWebBody {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const messages: Buffer[] = [];
  let heartbeats = 0;
  let trailers: Map<string, string> | undefined;
  let at = 0;
  while (at + 5 <= bytes.length) {
    const flag = bytes[at] as number;
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + 5, end);
    if (flag === 0x80) trailers = parseTrailers(payload.toString("latin1"));
    else if (flag === 0x40) heartbeats += 1;
    else messages.push(payload);
    at = end;
  }
  return { messages, heartbeats, trailers, cut: at !== bytes.length };
}

function parseTrailers(block: string): Map<string, string> {
  return new Map(block.split("\r\n").filter((line) => line !== "").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
}

/** A response that was opened and may be read, left unread, or dropped. */
export interface OpenCall {
  readonly response: Promise<IncomingMessage>;
  readonly body: Promise<Buffer>;
  abort(): void;
  write(bytes: Uint8Array): void;
  end(bytes?: Uint8Array): void;
}

export interface CallInit {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly agent?: Agent | false;
  /** The address that it comes from; limits by address tell callers apart by it. */
  readonly localAddress?: string | undefined;
  /** Leave the response unread. */
  readonly unread?: boolean;
}

/** Opens a request by hand, so that a test decides when its body ends and whether its response is read. */
export function openCall(url: string, path: string, init: CallInit = {}): OpenCall {
  const request = httpRequest(url + path, {
    method: init.method ?? "POST",
    agent: init.agent ?? false,
    localAddress: init.localAddress,
    headers: { "content-type": GRPC_WEB, ...init.headers },
  });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
  });
  response.catch(() => undefined);
  const body = init.unread === true ? Promise.resolve(Buffer.alloc(0)) : response.then(readBody);
  body.catch(() => undefined);
  return {
    response,
    body,
    abort: () => void request.destroy(),
    write: (bytes) => void request.write(bytes),
    end: (bytes) => void (bytes === undefined ? request.end() : request.end(bytes)),
  };
}

/** All of a body; one that breaks off rejects. */
export function readBody(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => resolve(Buffer.concat(chunks)));
    response.on("error", reject);
    response.on("close", () => reject(new Error("The response broke off")));
  });
}

/** One call with one request message, read to its end. */
export async function callOnce(url: string, path: string, message: Uint8Array, init: CallInit = {}): Promise<{ response: IncomingMessage; body: Buffer } & GrpcWebBody> {
  const call = openCall(url, path, init);
  call.end(encodeEnvelope(message));
  const response = await call.response;
  const body = await call.body;
  return { response, body, ...parseBody(body) };
}

/** Waits for a condition, and says which one did not come. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
