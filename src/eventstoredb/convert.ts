import { ReadReq, type ReadReq_Options, type ReadReq_Options_FilterOptions } from "../../gen/static/event_store/client/streams/streams.js";
import type { StreamIdentifier } from "../../gen/static/event_store/client/shared.js";
import { list, name, record, wrong } from "./check.js";
import type { EventFilter, Position } from "./types.js";

const EMPTY = {};

/** What a read or a subscription asks for, checked. */
export interface ReadRequest {
  /** One stream; `undefined` for all of them. */
  readonly stream: string | undefined;
  readonly from: bigint | Position | "start" | "end";
  readonly backwards: boolean;
  /** The most events; `undefined` for all, `"live"` for a subscription. */
  readonly limit: number | undefined | "live";
  readonly filter: EventFilter | undefined;
  readonly resolveLinks: boolean;
}

/** The name of a stream as the wire has it. */
export function toWireStream(stream: string): StreamIdentifier {
  return { streamName: new TextEncoder().encode(stream) };
}

/** The encoded request of a read or a subscription. Everything that the server needs set is set. */
export function encodeRead({ stream, from, backwards, limit, filter, resolveLinks }: ReadRequest): Uint8Array {
  const at = typeof from === "string" ? ({ $case: from, value: EMPTY } as const) : undefined;
  const streamOption: ReadReq_Options["streamOption"] = stream === undefined
    ? { $case: "all", value: { allOption: at ?? { $case: "position", value: toWirePosition(from as Position) } } }
    : { $case: "stream", value: { streamIdentifier: toWireStream(stream), revisionOption: at ?? { $case: "revision", value: from as bigint } } };
  return ReadReq.encode({
    options: {
      streamOption,
      readDirection: backwards ? 1 : 0,
      resolveLinks,
      countOption: limit === "live" ? { $case: "subscription", value: EMPTY } : { $case: "count", value: limit === undefined ? 2n ** 63n - 1n : BigInt(limit) },
      filterOption: filter === undefined ? { $case: "noFilter", value: EMPTY } : { $case: "filter", value: toWireFilter(filter) },
      uuidOption: { content: { $case: "string", value: EMPTY } },
      controlOption: { compatibility: 21 },
    },
  }).finish();
}

function toWirePosition({ commit, prepare }: Position): { commitPosition: bigint; preparePosition: bigint } {
  return { commitPosition: commit, preparePosition: prepare };
}

function toWireFilter({ by, regex = "", prefixes = [] }: EventFilter): ReadReq_Options_FilterOptions {
  return {
    filter: { $case: by === "type" ? "eventType" : "streamIdentifier", value: { regex, prefix: [...prefixes] } },
    window: { $case: "count", value: EMPTY },
    checkpointIntervalMultiplier: 1,
  };
}

/** Checks a filter. */
export function toFilter(value: unknown, path: string): EventFilter | undefined {
  if (value === undefined) return undefined;
  const { by, regex, prefixes } = record(value, path, ["by", "regex", "prefixes"]);
  if (by !== "type" && by !== "stream") throw wrong(`${path}.by`, by, 'must be "type" or "stream"');
  if ((regex === undefined) === (prefixes === undefined)) throw wrong(path, value, "must have either `regex` or `prefixes`");
  if (regex !== undefined) return { by, regex: name(regex, `${path}.regex`) };
  return { by, prefixes: list(prefixes, `${path}.prefixes`).map((prefix, index) => name(prefix, `${path}.prefixes[${index}]`)) };
}
