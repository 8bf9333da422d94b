import { fromBinary, toBinary, type DescMessage, type DescMethod, type DescMethodStreaming, type DescMethodUnary, type Message } from "@bufbuild/protobuf";
import type { StreamResponse, Transport } from "@connectrpc/connect";
import { collectMessages } from "../carrier/collect.js";
import { openCall, type CallOwner, type OpenCall } from "../carrier/open-call.js";
import { CARRIER_DEFAULTS, type CarrierCall, type CarrierResponse } from "../carrier/types.js";
import { invalidArgument } from "../core/arguments.js";
import { isMillraceError, MillraceError } from "../core/errors.js";
import { abortable, startTimer, type Ending } from "../core/signal.js";
import { encodeEnvelope } from "../wire/frames.js";
import { endOfConnectError } from "./call-end.js";
import { isUnary, kindOfMethod } from "./described-method.js";

/** What a call is made with. */
export interface ConnectCallSettings {
  readonly transport: Transport;
  /** `undefined` where none of the carrier's services has it. */
  readonly method: DescMethod | undefined;
  /** Ends when the carrier is closed. */
  readonly closed: Ending;
}

/** A stream's answer, of which messages can be taken. */
interface OpenAnswer {
  readonly messages: AsyncIterator<Message>;
  readonly output: DescMessage;
  readonly trailer: Headers;
}

/**
 * How long a call that must not be cancelled may go on after it was left, in milliseconds. Some transports own the
 * connection to the server, so their abort is the server's; but an answer that is that late will hardly come.
 */
const FINISH_MS = 30_000;

/** One call through a Connect transport. Takes a message only while somebody waits for a chunk; each is a chunk of its own. */
export class ConnectCall implements CallOwner {
  readonly response: CarrierResponse;
  sent = false;
  readonly #settings: ConnectCallSettings;
  readonly #call: CarrierCall;
  readonly #open: OpenCall;
  /** What the transport sees: its calls are ended by this alone, since their iterators cannot be left. */
  readonly #transportCall = new AbortController();
  #answer: OpenAnswer | undefined;
  #answered = false;
  #wanted = false;
  #reading = false;
  #stopConnecting = (): void => {};
  #stopFinishing: () => void = () => {};

  constructor(settings: ConnectCallSettings, call: CarrierCall) {
    this.#settings = settings;
    this.#call = call;
    this.#open = openCall(call, settings.closed, this);
    this.response = this.#open.response;
    if (!this.#open.over) void this.#run();
  }

  pull(): void {
    this.#wanted = true;
    if (this.#answer !== undefined && !this.#reading) void this.#read(this.#answer);
  }

  free(reason: unknown): void {
    this.#stopConnecting();
    if (reason === undefined) return;
    const end = (): void => this.#transportCall.abort(reason);
    if (this.#call.cancel !== "never" || !this.sent || this.#answered) return end();
    const stops = [startTimer(FINISH_MS, end), this.#settings.closed.listen(end)];
    this.#stopFinishing = () => { for (const stop of stops) stop(); };
  }

  async #run(): Promise<void> {
    const { method } = this.#settings;
    const { path, kind } = this.#call;
    try {
      if (method === undefined) throw new MillraceError("unsupported", `${path} is no method of the services that connectCarrier was given`);
      if (kindOfMethod(method) !== kind) throw invalidArgument("kind", kind, `must be "${kindOfMethod(method)}" for ${path}`);
      if (isUnary(method)) await this.#unary(method);
      else await this.#stream(method as DescMethodStreaming);
    } catch (error) {
      if (this.sent) this.#thrown(error);
      else this.#open.fail(error);
    }
  }

  async #unary(method: DescMethodUnary): Promise<void> {
    const [message] = await this.#collected(method.input);
    if (this.#open.over || message === undefined) return;
    const answer = await this.#made((timeoutMs, signal) => this.#settings.transport.unary(method, signal, timeoutMs, this.#call.headers, message));
    this.#open.headers(answer.header);
    this.#deliver(method.output, answer.message);
    this.#finish(answer.trailer);
  }

  async #stream(method: DescMethodStreaming): Promise<void> {
    const { kind, duplex, headers } = this.#call;
    const atOnce = kind === "server" || duplex === "half";
    const messages = atOnce ? each(await this.#collected(method.input)) : this.#asTheyCome(method.input);
    if (this.#open.over) return;
    // Otherwise the answer may well begin with its only message, or after the last request.
    if (atOnce && kind !== "client") this.#awaitHeaders();
    const answer = await this.#made((timeoutMs, signal) => this.#settings.transport.stream(method, signal, timeoutMs, headers, messages));
    this.#stopConnecting();
    this.#opened(method, answer);
  }

  #opened({ output }: DescMethodStreaming, { message, header, trailer }: StreamResponse): void {
    if (this.#open.over) return;
    this.#answer = { messages: message[Symbol.asyncIterator](), output, trailer };
    this.#open.headers(header);
    if (this.#wanted) this.pull();
  }

  /** Hands the call to the transport. A call without a limit has none, whatever the transport's default: 0 says so. */
  async #made<T>(start: (timeoutMs: number, signal: AbortSignal) => Promise<T>): Promise<T> {
    this.sent = true;
    const { timeoutMs = 0, cancel } = this.#call;
    try {
      return await start(cancel === "never" ? 0 : timeoutMs, this.#transportCall.signal);
    } finally {
      this.#answered = true;
      this.#stopFinishing();
    }
  }

  #awaitHeaders(): void {
    const { connectTimeoutMs = CARRIER_DEFAULTS.connectTimeoutMs, path } = this.#call;
    this.#stopConnecting = startTimer(connectTimeoutMs, () =>
      this.#open.abort(new MillraceError("unavailable", `${path} did not begin to be answered within ${connectTimeoutMs} ms`, { applied: "unknown" })));
  }

  async #read({ messages, output, trailer }: OpenAnswer): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && !this.#open.over) {
        const next = await messages.next();
        if (this.#open.over) return;
        if (next.done === true) return this.#finish(trailer);
        this.#wanted = false;
        this.#deliver(output, next.value);
      }
    } catch (error) {
      this.#thrown(error);
    } finally {
      this.#reading = false;
    }
  }

  #deliver(schema: DescMessage, message: Message): void {
    const bytes = toBinary(schema, message);
    const { maxMessageBytes = CARRIER_DEFAULTS.maxMessageBytes } = this.#call;
    if (bytes.length > maxMessageBytes) {
      throw new MillraceError("resource_exhausted", `A message has ${bytes.length} bytes, ${maxMessageBytes} are allowed`, { applied: "unknown" });
    }
    this.#open.deliver([encodeEnvelope(bytes)]);
  }

  async #collected(schema: DescMessage): Promise<Message[]> {
    const all = await collectMessages(this.#call, this.#open.signal);
    return all.map((bytes, index) => decodeRequest(schema, bytes, index));
  }

  async *#asTheyCome(schema: DescMessage): AsyncGenerator<Message> {
    const { messages } = this.#call;
    const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    let ended = false;
    try {
      for (let index = 0; ; index++) {
        const next = await abortable(Promise.resolve(iterator.next()), this.#open.signal);
        ended = next.done === true;
        if (next.done === true) return;
        yield decodeRequest(schema, next.value, index);
      }
    } catch (error) {
      // Told here as it is: a transport makes an error of its own of it.
      if (!this.#open.over) this.#open.fail(error);
      throw error;
    } finally {
      // Not waited for: a generator that waits for something itself would hold up an abort.
      if (!ended) Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  #finish(trailer: Headers): void {
    this.#open.finish({ status: 0, message: "", headers: trailer });
  }

  /** The transport threw: the server's status, or why there is none. */
  #thrown(error: unknown): void {
    if (this.#open.over) return;
    const end = isMillraceError(error) ? error : endOfConnectError(error);
    if (end instanceof Error) return this.#open.fail(end);
    // Finished first: who looks at the headers of an answer that is its status alone can know that nothing follows.
    this.#open.finish(end);
    this.#open.headers(end.headers);
  }
}

function decodeRequest(schema: DescMessage, bytes: unknown, index: number): Message {
  if (!(bytes instanceof Uint8Array)) throw invalidArgument(`messages[${index}]`, bytes, "must be a Uint8Array");
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new MillraceError("invalid_argument", `\`messages[${index}]\` must be an encoded ${schema.typeName}`, { cause });
  }
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
