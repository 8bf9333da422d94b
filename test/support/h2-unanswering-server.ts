import { createServer, type AddressInfo, type Socket } from "node:net";
import { encodeFrame, frameFlag, FrameReader, frameType, PREFACE } from "./h2-frames.js";

/** An HTTP/2 server that takes every stream, answers none, and answers PINGs when it is told to. */
export interface UnansweringServer {
  readonly url: string;
  /** Streams opened so far. */
  readonly opened: number;
  /** Streams reset so far. */
  readonly resets: number;
  /** PINGs that are unanswered. */
  readonly pings: number;
  /** Answers the PINGs that came. */
  pong(): void;
  close(): Promise<void>;
}

/** Starts one on a free port, for one connection. */
export async function startUnansweringServer(): Promise<UnansweringServer> {
  let opened = 0;
  let resets = 0;
  let socket: Socket | undefined;
  const pings: Buffer[] = [];
  const server = createServer((accepted) => {
    socket = accepted;
    accepted.on("error", () => undefined);
    accepted.write(encodeFrame(frameType.settings, 0, 0));
    const reader = new FrameReader(({ type, flags, payload }) => {
      if (type === frameType.headers) opened += 1;
      if (type === frameType.resetStream) resets += 1;
      if (type === frameType.ping && (flags & frameFlag.ack) === 0) pings.push(payload);
      if (type === frameType.settings && (flags & frameFlag.ack) === 0) accepted.write(encodeFrame(frameType.settings, frameFlag.ack, 0));
    }, PREFACE.length);
    accepted.on("data", (bytes) => reader.push(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get opened() { return opened; },
    get resets() { return resets; },
    get pings() { return pings.length; },
    pong() {
      for (const payload of pings.splice(0)) socket?.write(encodeFrame(frameType.ping, frameFlag.ack, 0, payload));
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      socket?.destroy();
    }),
  };
}
