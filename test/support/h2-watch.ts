import { FrameReader, PREFACE, frameFlag, frameType, headerFragment, type Frame } from "./h2-frames.js";
import { HpackReader } from "./h2-hpack.js";

export type Side = "client" | "server";

/** How a call ended. `lost`: its connection went first. */
export interface CallEnd {
  readonly how: "finished" | "reset" | "lost";
  readonly by: Side | "connection";
  /** HTTP/2 error code of the reset; 0 otherwise. */
  readonly code: number;
  /** `performance.now()` of the moment. */
  readonly at: number;
}

/** One stream, as somebody between client and server sees it. Times are `performance.now()`. */
export interface WatchedCall {
  readonly connectionId: number;
  readonly streamId: number;
  readonly path: string;
  readonly openedAt: number;
  /** When the request's END_STREAM passed. */
  readonly requestEndedAt: number | undefined;
  /** When the first response headers passed. */
  readonly answeredAt: number | undefined;
  /** Bytes of response DATA so far. */
  readonly responseBytes: number;
  readonly end: CallEnd | undefined;
}

export interface Goaway {
  readonly by: Side;
  readonly code: number;
  readonly lastStreamId: number;
  readonly at: number;
}

/** The moments of a call that a fault can be tied to. */
export type CallStage = "opened" | "request-end" | "answered" | "ended";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Follows the calls of one HTTP/2 connection by its bytes, which it neither changes nor keeps. */
export class ConnectionWatch {
  readonly calls: WatchedCall[] = [];
  readonly goaways: Goaway[] = [];
  /** PINGs that the client sent, acknowledgements not counted. */
  clientPings = 0;
  /** The most calls that were open at one time. */
  peakOpen = 0;
  readonly #id: number;
  readonly #onStage: (call: WatchedCall, stage: CallStage) => void;
  readonly #open = new Map<number, Writable<WatchedCall>>();
  readonly #hpack = new HpackReader();
  readonly #fromClient = new FrameReader((frame) => this.#client(frame), PREFACE.length);
  readonly #fromServer = new FrameReader((frame) => this.#server(frame));
  #block: { streamId: number; flags: number; parts: Buffer[] } | undefined;

  constructor(id: number, onStage: (call: WatchedCall, stage: CallStage) => void) {
    this.#id = id;
    this.#onStage = onStage;
  }

  get openCalls(): readonly WatchedCall[] {
    return [...this.#open.values()];
  }

  /** Reads along what `side` sent. */
  push(side: Side, chunk: Buffer): void {
    (side === "client" ? this.#fromClient : this.#fromServer).push(chunk);
  }

  /** The connection is gone, and with it every call that had not ended. */
  lose(): void {
    for (const call of [...this.#open.values()]) this.#end(call, { how: "lost", by: "connection", code: 0, at: performance.now() });
  }

  #client(frame: Frame): void {
    this.#either("client", frame);
    if (frame.type === frameType.headers) this.#clientHeaders(frame);
    else if (frame.type === frameType.continuation) this.#clientContinuation(frame);
    else if (frame.type === frameType.data && frame.flags & frameFlag.endStream) this.#requestEnd(frame.streamId);
    else if (frame.type === frameType.ping && !(frame.flags & frameFlag.ack)) this.clientPings++;
  }

  #clientHeaders(frame: Frame): void {
    this.#block = { streamId: frame.streamId, flags: frame.flags, parts: [headerFragment(frame)] };
    if (frame.flags & frameFlag.endHeaders) this.#request();
  }

  #clientContinuation(frame: Frame): void {
    this.#block?.parts.push(frame.payload);
    if (frame.flags & frameFlag.endHeaders) this.#request();
  }

  #request(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    const headers = this.#hpack.read(Buffer.concat(block.parts));
    const call: Writable<WatchedCall> = {
      connectionId: this.#id,
      streamId: block.streamId,
      path: headers.find(([name]) => name === ":path")?.[1] ?? "",
      openedAt: performance.now(),
      requestEndedAt: undefined,
      answeredAt: undefined,
      responseBytes: 0,
      end: undefined,
    };
    this.calls.push(call);
    this.#open.set(block.streamId, call);
    this.peakOpen = Math.max(this.peakOpen, this.#open.size);
    this.#onStage(call, "opened");
    if (block.flags & frameFlag.endStream) this.#requestEnd(block.streamId);
  }

  #requestEnd(streamId: number): void {
    const call = this.#open.get(streamId);
    if (call === undefined || call.requestEndedAt !== undefined) return;
    call.requestEndedAt = performance.now();
    this.#onStage(call, "request-end");
  }

  #server(frame: Frame): void {
    this.#either("server", frame);
    const call = this.#open.get(frame.streamId);
    if (call === undefined) return;
    if (frame.type === frameType.data) call.responseBytes += frame.length;
    if (frame.type === frameType.headers && call.answeredAt === undefined) {
      call.answeredAt = performance.now();
      this.#onStage(call, "answered");
    }
    const mayEnd = frame.type === frameType.data || frame.type === frameType.headers;
    if (mayEnd && frame.flags & frameFlag.endStream) {
      this.#end(call, { how: "finished", by: "server", code: 0, at: performance.now() });
    }
  }

  #either(by: Side, frame: Frame): void {
    if (frame.type === frameType.resetStream) {
      const call = this.#open.get(frame.streamId);
      if (call !== undefined) this.#end(call, { how: "reset", by, code: frame.payload.readUInt32BE(0), at: performance.now() });
    } else if (frame.type === frameType.goaway) {
      const lastStreamId = frame.payload.readUInt32BE(0) & 0x7fffffff;
      this.goaways.push({ by, code: frame.payload.readUInt32BE(4), lastStreamId, at: performance.now() });
    }
  }

  #end(call: Writable<WatchedCall>, end: CallEnd): void {
    this.#open.delete(call.streamId);
    call.end = end;
    this.#onStage(call, "ended");
  }
}
