import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { MAX_TUNNEL_MESSAGE_BYTES, TUNNEL_PATH, TUNNEL_PROTOCOL, tunnelClose } from "millrace/internal/wire/tunnel";
import type { Admission } from "./admission.js";
import { fieldOf, type GatewayRequest, type Handler } from "./exchange.js";
import { requestOf } from "./node.js";
import type { OccasionalWarnings } from "./occasional-warnings.js";
import { Tunnel, type TunnelSocket } from "./tunnel.js";

/** What a {@link TunnelDoor} needs of its gateway. */
export interface TunnelDoorOptions {
  /** Who may have a tunnel at all. */
  readonly admit: (request: GatewayRequest) => Admission;
  /** Answers each call that comes through one. */
  readonly handle: Handler;
  /** Calls that one tunnel may have open. */
  readonly callsPerTunnel: number;
  readonly warnings: OccasionalWarnings;
}

/** How long a peer may take to answer the goodbye, in milliseconds. */
const GOODBYE_MS = 1_000;

/** Turns `upgrade` events into tunnels. */
export class TunnelDoor {
  readonly #options: TunnelDoorOptions;
  readonly #tunnels = new Set<Tunnel>();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compressing a page's secrets together with what others chose would tell them.
    perMessageDeflate: false,
    maxPayload: MAX_TUNNEL_MESSAGE_BYTES,
    handleProtocols: () => TUNNEL_PROTOCOL,
  });
  #closing = false;

  constructor(options: TunnelDoorOptions) {
    this.#options = options;
  }

  /** Answers one `upgrade` event: by a tunnel, or by an HTTP status. */
  upgrade(message: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    socket.on("error", () => undefined);
    const request = requestOf(message);
    const refused = this.#refusal(request);
    if (refused !== undefined) return void socket.end(`HTTP/1.1 ${refused}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    this.#webSockets.handleUpgrade(message, socket, Buffer.from(head), (webSocket) => this.#opened(webSocket, request));
  }

  /** No tunnel gets new calls; those that are open go on. */
  goAway(): void {
    this.#closing = true;
    for (const tunnel of this.#tunnels) tunnel.goAway();
  }

  /** Ends all tunnels. */
  close(): void {
    for (const tunnel of this.#tunnels) tunnel.close(tunnelClose.drain);
  }

  #refusal(request: GatewayRequest): string | undefined {
    if (!this.#options.admit(request).admitted) return "403 Forbidden";
    if (request.target !== TUNNEL_PATH) return "404 Not Found";
    if (this.#closing) return "503 Service Unavailable";
    const offered = (fieldOf(request.headers, "sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
    return offered.includes(TUNNEL_PROTOCOL) ? undefined : "400 Bad Request";
  }

  #opened(webSocket: WebSocket, { client }: GatewayRequest): void {
    const { handle, callsPerTunnel, warnings } = this.#options;
    const tunnel = new Tunnel({ socket: new NodeTunnelSocket(webSocket), address: client.address, maxCalls: callsPerTunnel, handle, warnings });
    this.#tunnels.add(tunnel);
    webSocket.on("message", (data, isBinary) => {
      if (isBinary) tunnel.receive(bytesOf(data));
      else tunnel.close(tunnelClose.notBinary);
    });
    webSocket.on("error", () => undefined);
    webSocket.on("close", () => {
      tunnel.lost();
      this.#tunnels.delete(tunnel);
    });
  }
}

class NodeTunnelSocket implements TunnelSocket {
  readonly #webSocket: WebSocket;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
  }

  get waitingBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(message: Uint8Array, left: () => void): void {
    this.#webSocket.send(message, { binary: true }, left);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(code: number): void {
    const timer = setTimeout(() => this.#webSocket.terminate(), GOODBYE_MS);
    this.#webSocket.once("close", () => clearTimeout(timer));
    // A paused socket would never see the answer.
    this.#webSocket.resume();
    this.#webSocket.close(code);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}

/** With `nodebuffer`, the default, a message is one buffer. */
function bytesOf(data: RawData): Uint8Array {
  return data as Buffer;
}
