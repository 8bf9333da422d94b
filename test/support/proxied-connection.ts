import { connect, type Socket } from "node:net";
import type { Direction, Fault, FaultRule } from "./fault.js";
import { announceStreams } from "./h2-settings.js";
import { ConnectionWatch } from "./h2-watch.js";

export interface ProxiedConnectionOptions {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly maxConcurrentStreams: number | undefined;
  readonly fault: FaultRule;
  /** Called whenever something was counted. */
  readonly changed: () => void;
}

/** One client's connection and the one made for it to the server. */
export class ProxiedConnection {
  readonly id: number;
  readonly watch: ConnectionWatch;
  /** True once either side, or a fault, ended it. */
  closed = false;
  /** Bytes forwarded so far. */
  readonly bytes: Record<Direction, number> = { "to-server": 0, "to-client": 0 };
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #options: ProxiedConnectionOptions;
  readonly #rewrite: (chunk: Buffer) => Buffer;
  readonly #frozen: Record<Direction, boolean> = { "to-server": false, "to-client": false };
  readonly #cutAt: Record<Direction, number> = { "to-server": Infinity, "to-client": Infinity };
  /** What `fault` asked for while the current chunk was read. */
  #pending: Fault | undefined;

  constructor(client: Socket, options: ProxiedConnectionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#client = client;
    this.#server = connect({ host: options.host, port: options.port, noDelay: true, allowHalfOpen: true });
    this.#rewrite = options.maxConcurrentStreams === undefined ? (chunk) => chunk : announceStreams(options.maxConcurrentStreams);
    this.watch = new ConnectionWatch(options.id, (call, stage) => {
      this.#pending ??= options.fault(call, stage);
    });
    this.#join(this.#client, this.#server, "to-server");
    this.#join(this.#server, this.#client, "to-client");
  }

  /** Ends it with a reset, now. */
  cut(server: "cut" | "linger" = "cut"): void {
    this.#lose();
    this.#client.resetAndDestroy();
    if (server === "cut") this.#server.resetAndDestroy();
    else this.#server.resume();
  }

  /** Cuts once this many bytes in all, counted from the beginning, went in that direction: in the middle of a frame if it falls there. */
  cutAfter(direction: Direction, bytes: number): void {
    this.#cutAt[direction] = bytes;
    if (this.bytes[direction] >= bytes) this.cut();
  }

  /** Stops forwarding and says nothing. Bytes wait in the sockets; an end or a reset of one side is hidden from the other. */
  freeze(direction?: Direction): void {
    for (const one of direction === undefined ? (["to-server", "to-client"] as const) : [direction]) {
      this.#frozen[one] = true;
      this.#source(one).pause();
    }
  }

  /** Forwards again, in both directions, what waited. */
  thaw(): void {
    for (const direction of ["to-server", "to-client"] as const) {
      this.#frozen[direction] = false;
      this.#source(direction).resume();
    }
  }

  #source(direction: Direction): Socket {
    return direction === "to-server" ? this.#client : this.#server;
  }

  #join(source: Socket, sink: Socket, direction: Direction): void {
    source.on("data", (chunk: Buffer) => this.#forward(source, sink, direction, chunk));
    sink.on("drain", () => {
      if (!this.#frozen[direction]) source.resume();
    });
    source.on("end", () => {
      if (this.#frozen[direction]) return;
      sink.end();
      // HTTP/2 has no half-open connections: a client that ended hears nothing any more, even of a frozen server.
      if (direction === "to-server") this.#lose();
    });
    source.on("error", () => undefined);
    source.on("close", () => {
      if (this.closed || this.#frozen[direction]) return;
      this.#lose();
      sink.destroy();
    });
  }

  #forward(source: Socket, sink: Socket, direction: Direction, chunk: Buffer): void {
    if (this.closed) return;
    this.watch.push(direction === "to-server" ? "client" : "server", chunk);
    const fault = this.#pending;
    this.#pending = undefined;
    if (fault !== undefined && direction === "to-client") {
      this.#inject(fault);
      return this.#options.changed();
    }
    const bytes = this.#room(direction, direction === "to-client" ? this.#rewrite(chunk) : chunk);
    this.bytes[direction] += bytes.length;
    const flushed = sink.write(bytes, () => {
      if (fault !== undefined) this.#inject(fault);
      else if (this.bytes[direction] >= this.#cutAt[direction]) this.cut();
    });
    if (!flushed) source.pause();
    this.#options.changed();
  }

  #room(direction: Direction, chunk: Buffer): Buffer {
    return chunk.subarray(0, Math.max(0, this.#cutAt[direction] - this.bytes[direction]));
  }

  #inject(fault: Fault): void {
    if (fault.kind === "cut") this.cut(fault.server);
    else this.freeze(fault.direction);
  }

  #lose(): void {
    if (this.closed) return;
    this.closed = true;
    this.watch.lose();
    this.#options.changed();
  }
}
