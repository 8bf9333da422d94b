import { connect, type Socket } from "node:net";
import type { Direction } from "./fault.js";
import type { Phase, PhaseWatch } from "./fault-proxy-phases.js";

/**
 * What is done to a connection. `reset` and `fin` end it on both sides, `client-fin` towards the client alone (what the
 * server still says is dropped: the response is truncated), `server-fin` towards the server alone. `silence`: nothing
 * moves any more and nothing says so. The others lose nothing: `stall` stops for a while, `delay` makes everything late,
 * `hold` keeps responses back and lets them go together, as a buffering proxy does.
 */
export type Blow = "reset" | "fin" | "client-fin" | "server-fin" | "silence" | "stall" | "delay" | "hold";

/** A blow, the moment for it, and what is left to chance. */
export interface ProxyFault {
  readonly where: Exclude<Phase, "quiet">;
  readonly how: Blow;
  /** From 0 to 1: which connection, and which byte of what comes. */
  readonly luck: number;
  /** How long a `stall` lasts, by how much a `delay` is late, how long a `hold` keeps things back. */
  readonly ms: number;
}

/** What a {@link FaultConnection} needs of its proxy. */
export interface FaultConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly watch: PhaseWatch;
  /** The fault that waits for its moment. */
  armed(): ProxyFault | undefined;
  /** Told that the fault struck, and in which phase the connection was. */
  struck(fault: ProxyFault, phase: Phase): void;
  closed(): void;
}

/** After this many times its own length a pace is over. */
const PACED_TIMES = 10;

const OTHER = { "to-server": "to-client", "to-client": "to-server" } as const;

/** One client's connection, the one made for it to the server, and what befalls them. */
export class FaultConnection {
  readonly #options: FaultConnectionOptions;
  /** By the direction of what they send us. */
  readonly #sources: Record<Direction, Socket>;
  readonly #dropped: Record<Direction, boolean> = { "to-server": false, "to-client": false };
  readonly #timers = new Set<NodeJS.Timeout>();
  #pace: { readonly how: "stall" | "delay" | "hold"; readonly ms: number } | undefined;
  #held: (() => void)[] = [];
  #silent = false;
  #closed = false;

  constructor(client: Socket, options: FaultConnectionOptions) {
    this.#options = options;
    const { host, port } = options;
    this.#sources = { "to-server": client, "to-client": connect({ host, port, noDelay: true, allowHalfOpen: true }) };
    this.#join("to-server");
    this.#join("to-client");
    const fault = options.armed();
    if (fault?.where === "connecting") this.strike(fault);
  }

  /** `undefined` once a blow has ended it. */
  get phase(): Phase | undefined {
    return this.#closed || this.#dropped["to-client"] || this.#dropped["to-server"] ? undefined : this.#options.watch.phase;
  }

  /** Strikes now. @param rest What had come and was not forwarded yet. */
  strike(fault: ProxyFault, direction: Direction = "to-client", rest: Buffer = Buffer.alloc(0)): void {
    this.#options.struck(fault, this.#options.watch.phase);
    const { how, ms } = fault;
    if (how !== "stall" && how !== "delay" && how !== "hold") {
      this.#end(how);
      // The way back of a half-close is whole: a hole in it would be no fault of a network.
      if (!this.#dropped[direction]) this.#arrived(direction, rest);
      return;
    }
    this.#options.watch.push(direction, rest);
    this.#pace = { how, ms };
    this.#later(how === "stall" ? ms : ms * PACED_TIMES, () => {
      this.#pace = undefined;
      this.#flush();
    });
    this.#send(direction, rest);
  }

  /** Ends both sides at once. */
  destroy(): void {
    this.#end("reset");
  }

  #end(how: Exclude<Blow, "stall" | "delay" | "hold">): void {
    const { "to-server": client, "to-client": server } = this.#sources;
    this.#flush();
    if (how === "reset") {
      client.resetAndDestroy();
      server.resetAndDestroy();
      return;
    }
    this.#silent = how === "silence";
    this.#dropped["to-server"] = true;
    this.#dropped["to-client"] = how !== "server-fin";
    if (how === "fin" || how === "client-fin") client.end();
    if (how === "fin" || how === "server-fin") server.end();
  }

  #join(direction: Direction): void {
    const source = this.#sources[direction];
    source.on("data", (chunk: Buffer) => this.#arrived(direction, chunk));
    source.on("drain", () => this.#sources[OTHER[direction]].resume());
    source.on("end", () => {
      if (!this.#dropped[direction]) this.#send(direction, undefined);
    });
    source.on("error", () => undefined);
    source.on("close", (failed) => this.#lose(direction, failed));
  }

  #arrived(direction: Direction, chunk: Buffer): void {
    if (this.#closed || chunk.length === 0 || this.#dropped[direction]) return;
    const fault = this.#options.armed();
    const at = fault !== undefined && directionOf(fault.where) === direction ? this.#momentIn(chunk, direction, fault) : undefined;
    if (fault === undefined || at === undefined) {
      if (fault === undefined || directionOf(fault.where) !== direction) this.#options.watch.push(direction, chunk);
      return this.#send(direction, chunk);
    }
    // Struck before the bytes are away: what comes meanwhile belongs to the blow.
    this.#send(direction, chunk.subarray(0, at));
    this.strike(fault, direction, chunk.subarray(at));
  }

  /** After how many of the bytes the moment has come; reads all of them along when it does not. */
  #momentIn(chunk: Buffer, direction: Direction, { where, luck }: ProxyFault): number | undefined {
    const { watch } = this.#options;
    let at = 1 + Math.floor(luck * (chunk.length - 1));
    watch.push(direction, chunk.subarray(0, at));
    while (watch.phase !== where && at < chunk.length) watch.push(direction, chunk.subarray(at, ++at));
    return watch.phase === where ? at : undefined;
  }

  /** Forwards as the pace says; `undefined` is the end. */
  #send(direction: Direction, bytes: Buffer | undefined): void {
    const pace = this.#pace;
    const write = (): void => this.#write(direction, bytes);
    if (pace === undefined) return write();
    const held = this.#held.push(write);
    if (pace.how === "delay") this.#later(pace.ms, () => this.#held.shift()?.());
    else if (pace.how === "hold" && held === 1) this.#later(pace.ms, () => this.#flush());
  }

  /** What is held goes, in order. */
  #flush(): void {
    for (const write of this.#held.splice(0)) write();
  }

  #write(direction: Direction, bytes: Buffer | undefined): void {
    const sink = this.#sources[OTHER[direction]];
    if (!sink.writable) return;
    if (bytes === undefined) sink.end();
    else if (bytes.length > 0 && !sink.write(bytes)) this.#sources[direction].pause();
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  /** One side is gone: so is the other, the way that it went; but of a silent path the client hears nothing. */
  #lose(direction: Direction, failed: boolean): void {
    if (this.#silent && direction === "to-client") return;
    const other = this.#sources[OTHER[direction]];
    if (failed) other.resetAndDestroy();
    else other.destroySoon();
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.closed();
  }
}

function directionOf(where: ProxyFault["where"]): Direction | undefined {
  if (where === "connecting") return undefined;
  return where === "request" || where === "awaiting" ? "to-server" : "to-client";
}
