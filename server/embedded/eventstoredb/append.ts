import { AppendReq, AppendResp, DeleteReq, DeleteResp, TombstoneReq, TombstoneResp, type AppendReq_Options } from "millrace/internal/gen/static/event_store/client/streams/streams";
import type { ServiceMethod } from "../service.js";
import type { EmbeddedSession } from "./access.js";
import { appendTooLarge, handlerFailed, invalid, streamDeleted, wrongVersionOnDelete } from "./errors.js";
import { decodeRequest, EMPTY, nameOf, proposedRecord, recordBytes, revisionOf } from "./messages.js";
import { expected, MAX_U64, type NewRecord } from "./record.js";
import type { EventStore, WriteOutcome } from "./store.js";

/** The most that one append may hold, in bytes. */
export const MAX_APPEND_BYTES = 1_048_576;

type Expectation = AppendReq_Options["expectedStreamRevision"];

/** `Streams.Append`: options, then events, then one answer when the client has ended its side. */
export async function* append(store: EventStore, session: EmbeddedSession, requests: Parameters<ServiceMethod>[0]): AsyncGenerator<Uint8Array> {
  let options: AppendReq_Options | undefined;
  let stream = "";
  const records: NewRecord[] = [];
  let bytes = 0;
  for await (const payload of requests) {
    const { content } = decodeRequest(AppendReq, payload);
    if (content?.$case === "options" && options === undefined) {
      options = content.value;
      stream = nameOf(options.streamIdentifier);
      expectedOf(options.expectedStreamRevision, "AppendReq");
      if (stream === "" || stream === "$$") throw handlerFailed();
      session.require(stream, "$w");
    } else if (content?.$case === "proposedMessage" && options !== undefined) {
      const record = proposedRecord(content.value);
      bytes += recordBytes(record);
      if (bytes > MAX_APPEND_BYTES) throw appendTooLarge(MAX_APPEND_BYTES);
      records.push(record);
    } else {
      throw handlerFailed();
    }
  }
  if (options === undefined) throw handlerFailed();
  const outcome = store.append(stream, expectedOf(options.expectedStreamRevision, "AppendReq"), records);
  yield AppendResp.encode({ result: appendResult(stream, options.expectedStreamRevision, outcome) }).finish();
}

/** `Streams.Delete`: what was written is hidden until something new is. */
export function softDelete(store: EventStore, session: EmbeddedSession, payload: Uint8Array): Uint8Array {
  const { options } = decodeRequest(DeleteReq, payload);
  const { stream, revision } = deletion(options, "DeleteReq", session);
  const position = deletedAt(stream, revision, store.softDelete(stream, revision));
  return DeleteResp.encode({ positionOption: { $case: "position", value: position } }).finish();
}

/** `Streams.Tombstone`: the stream ends for good. */
export function tombstone(store: EventStore, session: EmbeddedSession, payload: Uint8Array): Uint8Array {
  const { options } = decodeRequest(TombstoneReq, payload);
  const { stream, revision } = deletion(options, "TombstoneReq", session);
  const position = deletedAt(stream, revision, store.tombstone(stream, revision));
  return TombstoneResp.encode({ positionOption: { $case: "position", value: position } }).finish();
}

/** An expected revision as the store counts it. @throws {StatusError} None was given. */
export function expectedOf(expectation: Expectation, request: string): bigint {
  switch (expectation?.$case) {
    case "revision": return revisionOf(expectation.value);
    case "noStream": return expected.noStream;
    case "any": return expected.any;
    case "streamExists": return expected.exists;
    default: throw invalid(`'None' is not a valid EventStore.Client.Streams.${request}+Types+Options+ExpectedStreamRevisionOneofCase`);
  }
}

function deletion(options: AppendReq_Options | undefined, request: string, session: EmbeddedSession): { stream: string; revision: bigint } {
  if (options === undefined) throw handlerFailed();
  const stream = nameOf(options.streamIdentifier);
  const revision = expectedOf(options.expectedStreamRevision, request);
  if (stream === "") throw handlerFailed();
  session.require(stream, "$d");
  return { stream, revision };
}

function deletedAt(stream: string, revision: bigint, outcome: WriteOutcome): { commitPosition: bigint; preparePosition: bigint } {
  if (outcome.kind === "deleted") throw streamDeleted(stream);
  if (outcome.kind === "wrong-version") throw wrongVersionOnDelete(stream, revision, outcome.actual);
  return both(outcome.position);
}

function both(position: bigint): { commitPosition: bigint; preparePosition: bigint } {
  return { commitPosition: position, preparePosition: position };
}

function appendResult(stream: string, expectation: Expectation, outcome: WriteOutcome): AppendResp["result"] {
  if (outcome.kind === "deleted") throw streamDeleted(stream);
  if (outcome.kind === "wrong-version") return { $case: "wrongExpectedVersion", value: wrongVersion(expectation, outcome.actual) };
  return {
    $case: "success",
    value: {
      currentRevisionOption: outcome.last < 0n ? { $case: "noStream", value: EMPTY } : { $case: "currentRevision", value: outcome.last },
      positionOption: { $case: "position", value: both(outcome.position) },
    },
  };
}

type WrongVersion = Extract<AppendResp["result"], { $case: "wrongExpectedVersion" }>["value"];

/** The same said twice: clients before 20.6.1 read other fields. */
function wrongVersion(expectation: Expectation, actual: bigint): WrongVersion {
  const current: Pick<WrongVersion, "currentRevisionOption" | "currentRevisionOption2060"> = actual < 0n
    ? { currentRevisionOption: { $case: "currentNoStream", value: EMPTY }, currentRevisionOption2060: { $case: "noStream2060", value: EMPTY } }
    : { currentRevisionOption: { $case: "currentRevision", value: actual }, currentRevisionOption2060: { $case: "currentRevision2060", value: actual } };
  return { ...current, ...wanted(expectation) };
}

function wanted(expectation: Expectation): Pick<WrongVersion, "expectedRevisionOption" | "expectedRevisionOption2060"> {
  switch (expectation?.$case) {
    case "revision": return {
      expectedRevisionOption: { $case: "expectedRevision", value: expectation.value },
      expectedRevisionOption2060: { $case: "expectedRevision2060", value: expectation.value },
    };
    case "any": return {
      expectedRevisionOption: { $case: "expectedAny", value: EMPTY },
      expectedRevisionOption2060: { $case: "any2060", value: EMPTY },
    };
    case "streamExists": return {
      expectedRevisionOption: { $case: "expectedStreamExists", value: EMPTY },
      expectedRevisionOption2060: { $case: "streamExists2060", value: EMPTY },
    };
    default: return {
      expectedRevisionOption: { $case: "expectedNoStream", value: EMPTY },
      expectedRevisionOption2060: { $case: "expectedRevision2060", value: MAX_U64 },
    };
  }
}
