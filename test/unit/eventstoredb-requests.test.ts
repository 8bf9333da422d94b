import fc from "fast-check";
import { encodeRead, type ReadRequest } from "millrace/internal/eventstoredb/encode-read";
import { ReadReq } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { describe, expect, it } from "vitest";

const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() & 0x7fffffff);
console.info(`MILLRACE_SEED=${seed}`);

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const end = fc.constantFrom("start" as const, "end" as const);
const common = {
  backwards: fc.boolean(),
  limit: fc.oneof(fc.constant(undefined), fc.constant("live" as const), fc.nat(Number.MAX_SAFE_INTEGER)),
  resolveLinks: fc.boolean(),
};
const filter = fc.oneof(
  fc.constant(undefined),
  fc.record({ by: fc.constantFrom("type" as const, "stream" as const), regex: fc.string({ unit: "grapheme", minLength: 1 }) }),
  fc.record({ by: fc.constantFrom("type" as const, "stream" as const), prefixes: fc.array(fc.string({ unit: "grapheme" })) }),
);
const requests: fc.Arbitrary<ReadRequest> = fc.oneof(
  fc.record({ ...common, stream: fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }), from: fc.oneof(end, uint64), filter: fc.constant(undefined) }),
  fc.record({ ...common, stream: fc.constant(undefined), from: fc.oneof(end, fc.record({ commit: uint64, prepare: uint64 })), filter }),
);

describe("encodeRead()", () => {
  it("writes what the generated codec writes, for any request", () => {
    fc.assert(fc.property(requests, (request) => {
      expect(ReadReq.decode(encodeRead(request))).toEqual(messageOf(request));
    }), { seed, numRuns: 500 });
  });
});

function messageOf({ stream, from, backwards, limit, filter: chosen, resolveLinks }: ReadRequest): ReadReq {
  const at = typeof from === "string" ? { $case: from, value: {} } : undefined;
  const streamOption = stream === undefined
    ? { $case: "all", value: { allOption: at ?? { $case: "position", value: placeOf(from as { commit: bigint; prepare: bigint }) } } }
    : { $case: "stream", value: { streamIdentifier: { streamName: new TextEncoder().encode(stream) }, revisionOption: at ?? { $case: "revision", value: from } } };
  const expression = { regex: chosen?.regex ?? "", prefix: [...(chosen?.prefixes ?? [])] };
  const filterOption = chosen === undefined ? { $case: "noFilter", value: {} } : {
    $case: "filter",
    value: { filter: { $case: chosen.by === "type" ? "eventType" : "streamIdentifier", value: expression }, window: { $case: "count", value: {} }, checkpointIntervalMultiplier: 1 },
  };
  return {
    options: {
      streamOption, filterOption, readDirection: backwards ? 1 : 0, resolveLinks,
      countOption: limit === "live" ? { $case: "subscription", value: {} } : { $case: "count", value: limit === undefined ? 2n ** 63n - 1n : BigInt(limit) },
      uuidOption: { content: { $case: "string", value: {} } },
      controlOption: { compatibility: 21 },
    },
  } as ReadReq;
}

function placeOf({ commit, prepare }: { commit: bigint; prepare: bigint }): object {
  return { commitPosition: commit, preparePosition: prepare };
}
