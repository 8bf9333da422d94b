import type { CallOptions } from "../core/options.js";
import { MillraceError } from "../core/errors.js";
import { decodeWhole, type Decoder } from "../protobuf/decode.js";
import { checkCallOptions } from "../carrier/call-options.js";
import { invokeUnary } from "../carrier/invoke.js";
import { eventstoredbMethods, type Method } from "../wire/methods.js";
import { DeleteReq, GetInfoReq, GetInfoResp, ListReq, ListResp, ReplayParkedReq } from "../../gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions.js";
import { name, revision } from "./check.js";
import { receive } from "./persistent-receive.js";
import type {
  CreatePersistentOptions, PersistentSubscription, PersistentSubscriptionInfo, ReceiveOptions, ReplayParkedOptions, UpdatePersistentOptions,
} from "./persistent-types.js";
import { ALL, createRequest, fromWireInfo, identifierOf, SETTINGS, sourceOf, updateRequest } from "./persistent-wire.js";
import { storeOf, type HasStore, type Store } from "./store.js";

/**
 * Groups of readers whose place the server keeps. A group is named by its source, a stream or `"$all"`, and its name.
 * Creating, changing and deleting groups needs the rights of an operator.
 */
export interface PersistentSubscriptions<Data = Uint8Array> {
  /** @throws {MillraceError} `conflict` when there is such a group; `internal`, with the server's words, for settings that it refuses. */
  create(source: string, group: string, options?: CreatePersistentOptions): Promise<void>;
  /** Replaces all settings. Readers are cut off and come back by themselves. @throws {MillraceError} `not_found` */
  update(source: string, group: string, options?: UpdatePersistentOptions): Promise<void>;
  /** Ends a group and its readers. @throws {MillraceError} `not_found` */
  delete(source: string, group: string, options?: CallOptions): Promise<void>;
  /** @throws {MillraceError} `not_found`; `unsupported` before 21.10.1. */
  info(source: string, group: string, options?: CallOptions): Promise<PersistentSubscriptionInfo>;
  /** The groups of a source, or (`undefined`) all. @throws {MillraceError} `not_found` for a source without groups; `unsupported` before 21.10.1. */
  list(source?: string, options?: CallOptions): Promise<PersistentSubscriptionInfo[]>;
  /** Hands out what was parked, before all else and as links. @throws {MillraceError} `not_found`; `internal` while a replay is under way. */
  replayParked(source: string, group: string, options?: ReplayParkedOptions): Promise<void>;
  /** Starts all groups of the server anew; their readers come back by themselves. */
  restartSubsystem(options?: CallOptions): Promise<void>;
  /**
   * Reads as one of a group, at least once. It needs a tunnel, or an http2 carrier.
   *
   * @throws {MillraceError} `invalid_argument` at once; all else when it is iterated: `not_found` for a group that does not
   *   exist, `conflict` when it has all the readers that it may have.
   */
  receive(source: string, group: string, options?: ReceiveOptions): PersistentSubscription<Data>;
}

/** Persistent subscriptions over a client. */
export function persistentSubscriptions<Data>(client: HasStore<Data>): PersistentSubscriptions<Data> {
  const store = storeOf(client);
  const ask = (method: Method, request: Uint8Array, { signal, timeoutMs, headers }: CallOptions): Promise<Uint8Array> =>
    invokeUnary(store.connection, method, request, { signal, timeoutMs, headers });
  return {
    async create(source, group, options = {}) {
      checkCallOptions(options, "eventstoredb", [...SETTINGS, "filter"]);
      await ask(eventstoredbMethods.persistentCreate, createRequest(name(source, "source"), name(group, "group"), options), options);
    },
    async update(source, group, options = {}) {
      checkCallOptions(options, "eventstoredb", SETTINGS);
      await ask(eventstoredbMethods.persistentUpdate, updateRequest(name(source, "source"), name(group, "group"), options), options);
    },
    async delete(source, group, options = {}) {
      checkCallOptions(options, "eventstoredb");
      await ask(eventstoredbMethods.persistentDelete, DeleteReq.encode({ options: groupOf(source, group) }).finish(), options);
    },
    async info(source, group, options = {}) {
      checkCallOptions(options, "eventstoredb");
      const answer = await ask(eventstoredbMethods.persistentGetInfo, GetInfoReq.encode({ options: groupOf(source, group) }).finish(), options);
      const { subscriptionInfo } = decoded(GetInfoResp, answer);
      if (subscriptionInfo === undefined) throw unreadable();
      return fromWireInfo(subscriptionInfo);
    },
    async list(source, options = {}) {
      checkCallOptions(options, "eventstoredb");
      const answer = await ask(eventstoredbMethods.persistentList, listRequest(source), options);
      return decoded(ListResp, answer).subscriptions.map(fromWireInfo);
    },
    async replayParked(source, group, options = {}) {
      checkCallOptions(options, "eventstoredb", ["stopAt"]);
      const stopAt = options.stopAt === undefined ? undefined : revision(options.stopAt, "options.stopAt", []);
      const stopAtOption = stopAt === undefined ? { $case: "noLimit" as const, value: {} } : { $case: "stopAt" as const, value: stopAt };
      await ask(eventstoredbMethods.persistentReplayParked, ReplayParkedReq.encode({ options: { ...groupOf(source, group), stopAtOption } }).finish(), options);
    },
    async restartSubsystem(options = {}) {
      checkCallOptions(options, "eventstoredb");
      await ask(eventstoredbMethods.persistentRestartSubsystem, new Uint8Array(0), options);
    },
    receive: (source, group, options = {}) => receive(store as Store<Data>, name(source, "source"), name(group, "group"), options),
  };
}

function groupOf(source: string, group: string): { groupName: string; streamOption: ReturnType<typeof sourceOf> } {
  return { streamOption: sourceOf(name(source, "source")), groupName: name(group, "group") };
}

function listRequest(source: string | undefined): Uint8Array {
  if (source === undefined) return ListReq.encode({ options: { listOption: { $case: "listAllSubscriptions", value: {} } } }).finish();
  const streamOption = name(source, "source") === ALL ? { $case: "all" as const, value: {} } : { $case: "stream" as const, value: identifierOf(source) };
  return ListReq.encode({ options: { listOption: { $case: "listForStream", value: { streamOption } } } }).finish();
}

function decoded<Message>(codec: Decoder<Message>, answer: Uint8Array): Message {
  try {
    return decodeWhole(codec, answer);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): MillraceError {
  return new MillraceError("protocol", "The server's answer about a persistent subscription cannot be read", { system: "eventstoredb", cause });
}
