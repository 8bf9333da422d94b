import { ReadReq, type ReadReq_Options, type ReadReq_Options_AllOptions, type ReadReq_Options_StreamOptions } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { StatusError } from "../service.js";
import type { EmbeddedSession } from "./access.js";
import { encode, eventMessage, type EventForm } from "./event-message.js";
import { handlerFailed, invalid, streamDeleted } from "./errors.js";
import { parseFilter, parseWindow, type Filtering } from "./filter.js";
import { decodeRequest, identifierOf, nameOf, revisionOf } from "./messages.js";
import { isHiddenInAll } from "./persistent/streams.js";
import type { Projected } from "./projected.js";
import { MAX_U64, type StoredRecord } from "./record.js";
import type { EventStore } from "./store.js";
import { subscribeToAll, subscribeToStream, type Follower } from "./subscribe.js";

/** How many numbers the real server looks at before it says where a stream begins. */
const PAGE = 32n;

/** `Streams.Read`: a read that ends, or a subscription, as the request says. */
export function read(store: Projected, session: EmbeddedSession, payload: Uint8Array, follower: Follower): AsyncIterable<Uint8Array> {
  const { options } = decodeRequest(ReadReq, payload);
  if (options === undefined) throw handlerFailed();
  const { streamOption, countOption } = options;
  if (streamOption === undefined) throw invalid("'None' is not a valid EventStore.Client.Streams.ReadReq+Types+Options+StreamOptionOneofCase");
  checkCombination(options);
  if (options.uuidOption?.content === undefined) throw invalid("'uuidOption' is a required argument of type UUIDOption");
  const form: EventForm = { structuredIds: options.uuidOption.content.$case === "structured", resolveLinks: options.resolveLinks };
  if (streamOption.$case === "all") {
    session.require("$all", "$r");
    return countOption?.$case === "count"
      ? readAll(store, streamOption.value, options, form)
      : subscribeToAll(store, allStart(store, streamOption.value, true), filterOf(options), form, follower);
  }
  const stream = nameOf(streamOption.value.streamIdentifier);
  if (stream === "" || streamOption.value.revisionOption === undefined) throw handlerFailed();
  const number = numberOf(streamOption.value);
  session.require(stream, "$r");
  if (countOption?.$case !== "count") return subscribeToStream(store, stream, number, form, { ...follower, authorize: () => session.require(stream, "$r") });
  return readStream(store, stream, number, countOption.value, options, form);
}

function checkCombination({ streamOption, countOption, readDirection, filterOption }: ReadReq_Options): void {
  const target = streamOption?.$case === "all" ? "All" : "Stream";
  const count = countOption === undefined ? "None" : countOption.$case === "count" ? "Count" : "Subscription";
  const direction = readDirection === 1 ? "Backwards" : "Forwards";
  const filter = filterOption === undefined ? "None" : filterOption.$case === "filter" ? "Filter" : "NoFilter";
  const isFine = count !== "None" && filter !== "None" && (filter === "NoFilter" || target === "All") && (count === "Count" || direction === "Forwards");
  if (!isFine) throw invalid(`The combination of (${target}, ${count}, ${direction}, ${filter}) is invalid.`);
}

function filterOf({ filterOption }: ReadReq_Options): Filtering | undefined {
  if (filterOption?.$case !== "filter") return undefined;
  const { value } = filterOption;
  return { window: parseWindow(value), matches: parseFilter(value), multiplier: value.checkpointIntervalMultiplier };
}

/** Where to begin; `undefined` for the end. */
function numberOf({ revisionOption }: ReadReq_Options_StreamOptions): bigint | undefined {
  if (revisionOption?.$case === "end") return undefined;
  if (revisionOption?.$case !== "revision") return revisionOption?.$case === "start" ? -1n : undefined;
  const number = revisionOf(revisionOption.value);
  return number === -1n ? undefined : number;
}

async function* readStream(
  store: Projected, stream: string, number: bigint | undefined, count: bigint, options: ReadReq_Options, form: EventForm,
): AsyncGenerator<Uint8Array> {
  const isForwards = options.readDirection === 0;
  if (count === 0n || (isForwards && number === undefined)) throw new StatusError(2, "Unexpected ReadStreamResult: Error");
  if (store.isTombstoned(stream)) throw streamDeleted(stream);
  const last = store.lastNumber(stream);
  if (last < 0n || store.metadataOf(stream).deleted) {
    yield encode({ $case: "streamNotFound", value: { streamIdentifier: identifierOf(stream) } });
    return;
  }
  const isVerbose = (options.controlOption?.compatibility ?? 0) >= 1;
  const first = store.firstReadable(stream);
  const from = number === -1n ? 0n : number ?? last;
  if (isForwards) {
    const page = count < PAGE ? count : PAGE;
    const next = first > last ? last + 1n : first;
    if (isVerbose && (from > last ? from !== last + 1n : next >= from + page)) {
      yield encode({ $case: "firstStreamPosition", value: from > last ? last + 1n : next });
    }
    let left = count;
    for (let at = from > first ? from : first; at <= last && left > 0n; at += 1n, left -= 1n) {
      yield eventMessage(store, store.recordAt(stream, at) as StoredRecord, form);
    }
  } else {
    let left = count;
    for (let at = from > last ? last : from; at >= first && left > 0n; at -= 1n, left -= 1n) {
      yield eventMessage(store, store.recordAt(stream, at) as StoredRecord, form);
    }
  }
  if (isVerbose) yield encode({ $case: "lastStreamPosition", value: last });
}

/** Where in the log to begin; `undefined` for its end. @throws {StatusError} */
function allStart(store: EventStore, { allOption }: ReadReq_Options_AllOptions, isSubscription: boolean): bigint | undefined {
  if (allOption?.$case === "end") return undefined;
  if (allOption?.$case !== "position") return -1n;
  const { commitPosition, preparePosition } = allOption.value;
  if (preparePosition > commitPosition) throw handlerFailed();
  if (commitPosition === MAX_U64) return undefined;
  if (store.isBoundary(commitPosition)) return commitPosition === 0n && isSubscription ? -1n : commitPosition;
  throw isSubscription ? invalid("Trying to read from an invalid position.") : new StatusError(2, "Unexpected ReadAllResult: Error");
}

async function* readAll(store: EventStore, all: ReadReq_Options_AllOptions, options: ReadReq_Options, form: EventForm): AsyncGenerator<Uint8Array> {
  const filter = filterOf(options)?.matches;
  const start = allStart(store, all, false);
  let left = options.countOption?.$case === "count" ? options.countOption.value : 0n;
  if (left === 0n) throw invalid("The count must be 1 at least.");
  const { log } = store;
  const step = options.readDirection === 0 ? 1 : -1;
  const index = start === undefined ? log.length : start < 0n ? 0 : store.indexFrom(start);
  for (let at = step === 1 ? index : index - 1; at >= 0 && at < log.length && left > 0n; at += step) {
    const record = log[at] as StoredRecord;
    if (isHiddenInAll(record) || (filter !== undefined && !filter(record))) continue;
    yield eventMessage(store, record, form);
    left -= 1n;
  }
}

