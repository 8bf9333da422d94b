import type { Socket } from "node:net";

/** How every HTTP/2 connection with prior knowledge begins; no HTTP/1 request does. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n", "latin1");

/** Tells from the first bytes of a connection whether it is HTTP/2; they can be read again afterwards. */
export function sniffHttp2(socket: Socket, tell: (http2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const read = (bytes: Buffer): void => {
    seen = Buffer.concat([seen, bytes]);
    const length = Math.min(seen.length, PREFACE.length);
    const alike = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (alike && length < PREFACE.length) return;
    socket.off("data", read);
    socket.pause();
    socket.unshift(seen);
    tell(alike);
    // HTTP/1 reads by events, which stand still since the pause; HTTP/2 has taken the socket over.
    if (!alike) process.nextTick(() => socket.resume());
  };
  socket.on("data", read);
}
