import { ReadReq, ReadResp, type ReadReq_Options } from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import type { ServiceMethod } from "../../service.js";
import type { EmbeddedSession } from "../access.js";
import { handlerFailed } from "../errors.js";
import { decodeRequest, nameOf, recordedEvent, uuidText } from "../messages.js";
import { Outbox } from "../outbox.js";
import { linkTarget } from "../record.js";
import type { EventStore } from "../store.js";
import { tooManySubscribers } from "./errors.js";
import type { Group, GroupMessage, GroupReader, NackAction } from "./group.js";
import type { Groups } from "./groups.js";

/** By number: unknown, park, retry, skip, stop. The server takes "unknown" for a retry, and "stop" for a skip. */
const ACTIONS: readonly NackAction[] = ["retry", "park", "retry", "skip", "skip"];

/** `PersistentSubscriptions.Read`: events one way, acknowledgements the other. */
export async function* readGroup(
  store: EventStore, groups: Groups, session: EmbeddedSession, requests: Parameters<ServiceMethod>[0], headers: Headers, signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = requests[Symbol.asyncIterator]();
  const { options, form } = await optionsOf(iterator);
  const source = options.streamOption?.$case === "all" ? "$all" : nameOf(options.streamOption?.value);
  session.require(source, "$r");
  const group = groups.find(source, options.groupName);
  const { maxSubscriberCount } = group.settings;
  if (maxSubscriberCount > 0 && group.readers.length >= maxSubscriberCount) throw tooManySubscribers(source, options.groupName);
  const outbox = new Outbox(signal);
  outbox.push(encode({ $case: "subscriptionConfirmation", value: { subscriptionId: `${source}::${options.groupName}` } }));
  const reader: GroupReader = {
    connectionName: headers.get("connection-name") ?? "<unknown>",
    login: session.login ?? "anonymous",
    bufferSize: options.bufferSize,
    inFlight: new Map(),
    total: 0n,
    deliver: (message) => outbox.push(encode({ $case: "event", value: eventOf(store, group, message, form) })),
    drop: (error) => outbox.fail(error),
  };
  group.join(reader);
  settleAll(iterator, group, reader).catch((error: unknown) => outbox.fail(error));
  try {
    yield* outbox.items();
  } finally {
    group.leave(reader);
  }
}

async function optionsOf(requests: AsyncIterator<Uint8Array>): Promise<{ options: ReadReq_Options; form: boolean }> {
  const first = await requests.next();
  const content = first.done === true ? undefined : decodeRequest(ReadReq, first.value).content;
  if (content?.$case !== "options") throw handlerFailed();
  const { streamOption, uuidOption } = content.value;
  if (streamOption === undefined || uuidOption?.content === undefined) throw handlerFailed();
  return { options: content.value, form: uuidOption.content.$case === "structured" };
}

/** Takes acknowledgements until the reader ends its side, which does not end what it is given. */
async function settleAll(requests: AsyncIterator<Uint8Array>, group: Group, reader: GroupReader): Promise<void> {
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { content } = decodeRequest(ReadReq, next.value);
    if (content === undefined || content.$case === "options") throw handlerFailed();
    const ids = content.value.ids.map(uuidText).filter((id) => id !== undefined);
    if (content.$case === "ack") group.ack(reader, ids);
    else group.nack(reader, ids, ACTIONS[content.value.action] ?? "retry", content.value.reason);
  }
}

type ReadEvent = Extract<NonNullable<ReadResp["content"]>, { $case: "event" }>["value"];

/** Both an event and the link to it carry the link's position. */
function eventOf(store: EventStore, { settings }: Group, { record, replayed, retryCount }: GroupMessage, structured: boolean): ReadEvent {
  const target = (settings.resolveLinks || replayed) && record.type === "$>" ? linkTarget(record) : undefined;
  const original = recordedEvent(record, structured);
  const resolved = target && store.readableAt(target.stream, target.number);
  const placed = resolved && { ...recordedEvent(resolved, structured), commitPosition: record.position, preparePosition: record.position };
  return {
    event: target === undefined ? original : placed,
    link: target === undefined ? undefined : original,
    position: { $case: "commitPosition", value: record.position },
    count: { $case: "retryCount", value: retryCount },
  };
}

function encode(content: NonNullable<ReadResp["content"]>): Uint8Array {
  return ReadResp.encode({ content }).finish();
}
