import {
  CreateReq, DeleteReq, GetInfoReq, GetInfoResp, ListReq, ListResp, ReplayParkedReq, UpdateReq,
  type CreateReq_AllOptions, type CreateReq_Options, type CreateReq_StreamOptions, type GetInfoReq_Options, type UpdateReq_AllOptions, type UpdateReq_Options,
} from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import type { EmbeddedSession } from "../access.js";
import { handlerFailed, invalid } from "../errors.js";
import { parseFilter } from "../filter.js";
import { decodeRequest, nameOf, revisionOf, type OneRequest } from "../messages.js";
import { MAX_U64 } from "../record.js";
import type { Projected } from "../projected.js";
import { groupFailed, groupMissing } from "./errors.js";
import type { Groups } from "./groups.js";
import { infoOf } from "./info.js";
import { allSource, streamSource, type GroupSource } from "./source.js";

const DONE = new Uint8Array(0);
const OPERATORS = "$ops";
const ONLY_GRPC = "Persistent subscriptions to $all are only supported over gRPC through gRPC clients";

/** The methods that manage persistent subscriptions. */
export function groupMethods(store: Projected, groups: Groups): ReadonlyMap<string, OneRequest> {
  return new Map<string, OneRequest>([
    [eventstoredbMethods.persistentCreate.path, (bytes, session) => {
      session.requireGroup(OPERATORS);
      const options = required(decodeRequest(CreateReq, bytes));
      const { source, start } = sourceOf(store, options);
      groups.create(source, options.groupName, start, options.settings);
      return DONE;
    }],
    [eventstoredbMethods.persistentUpdate.path, (bytes, session) => {
      session.requireGroup(OPERATORS);
      const options = required(decodeRequest(UpdateReq, bytes));
      const { source, start } = sourceOf(store, options);
      groups.update(source.name, options.groupName, start, options.settings);
      return DONE;
    }],
    [eventstoredbMethods.persistentDelete.path, (bytes, session) => {
      session.requireGroup(OPERATORS);
      const options = required(decodeRequest(DeleteReq, bytes));
      groups.delete(targetOf(options), options.groupName);
      return DONE;
    }],
    [eventstoredbMethods.persistentGetInfo.path, (bytes, session) => {
      session.requireLogin();
      const options = required(decodeRequest(GetInfoReq, bytes));
      return GetInfoResp.encode({ subscriptionInfo: infoOf(groups.find(targetOf(options), options.groupName)) }).finish();
    }],
    [eventstoredbMethods.persistentList.path, (bytes, session) => list(groups, bytes, session)],
    [eventstoredbMethods.persistentReplayParked.path, (bytes, session) => replayParked(groups, bytes, session)],
    [eventstoredbMethods.persistentRestartSubsystem.path, (_, session) => {
      session.requireGroup(OPERATORS);
      groups.restart();
      return DONE;
    }],
  ]);
}

function list(groups: Groups, bytes: Uint8Array, session: EmbeddedSession): Uint8Array {
  session.requireLogin();
  const { listOption } = required(decodeRequest(ListReq, bytes));
  if (listOption === undefined) throw handlerFailed();
  const target = listOption.$case === "listForStream" ? listOption.value.streamOption : undefined;
  const source = listOption.$case === "listForStream" ? (target?.$case === "stream" ? nameOf(target.value) : "$all") : undefined;
  const found = groups.list(source);
  if (source !== undefined && found.length === 0) throw groupMissing(source, "");
  return ListResp.encode({ subscriptions: found.map(infoOf) }).finish();
}

function replayParked(groups: Groups, bytes: Uint8Array, session: EmbeddedSession): Uint8Array {
  session.requireGroup(OPERATORS);
  const options = required(decodeRequest(ReplayParkedReq, bytes));
  const group = groups.find(targetOf(options), options.groupName);
  const stopAt = options.stopAtOption?.$case === "stopAt" ? options.stopAtOption.value : undefined;
  if (stopAt !== undefined && stopAt < 0n) throw groupFailed(group.source.name, group.name, "Cannot stop replaying parked message at a negative version.");
  group.replayParked(stopAt);
  return DONE;
}

function required<Options>({ options }: { options?: Options | undefined }): Options {
  if (options === undefined) throw handlerFailed();
  return options;
}

function targetOf({ streamOption }: Pick<GetInfoReq_Options, "streamOption">): string {
  if (streamOption === undefined) throw handlerFailed();
  return streamOption.$case === "all" ? "$all" : nameOf(streamOption.value);
}

function sourceOf(store: Projected, { streamOption, groupName, streamIdentifier, settings }: CreateReq_Options | UpdateReq_Options): { source: GroupSource; start: bigint } {
  if (streamOption?.$case === "all") return allOf(store, streamOption.value, groupName);
  // Clients for very old servers name the stream here, and where to begin among the settings.
  const stream = nameOf(streamOption?.value.streamIdentifier ?? streamIdentifier);
  if (stream === "") throw invalid("The stream must have a name.");
  if (stream === "$all") throw groupFailed(stream, groupName, ONLY_GRPC);
  const start = streamOption === undefined ? settings?.revision ?? 0n : startOf(streamOption.value);
  return { source: streamSource(store, stream), start };
}

function startOf({ revisionOption }: CreateReq_StreamOptions): bigint {
  if (revisionOption === undefined) throw handlerFailed();
  if (revisionOption.$case === "revision") return revisionOf(revisionOption.value);
  return revisionOption.$case === "start" ? 0n : -1n;
}

function allOf(store: Projected, options: CreateReq_AllOptions | UpdateReq_AllOptions, group: string): { source: GroupSource; start: bigint } {
  const { allOption } = options;
  const filter = "filterOption" in options && options.filterOption?.$case === "filter" ? parseFilter(options.filterOption.value) : undefined;
  const source = allSource(store, filter);
  if (allOption?.$case !== "position") return { source, start: allOption?.$case === "end" ? -1n : 0n };
  const { commitPosition, preparePosition } = allOption.value;
  if (commitPosition === MAX_U64) return { source, start: -1n };
  if (preparePosition > commitPosition || commitPosition > store.end) throw groupFailed("$all", group, "Error");
  return { source, start: commitPosition };
}
