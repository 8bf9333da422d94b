import type { Event, Request, Response, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";

/** Texts of the broker, as its clients read them. */
export const texts = {
  clientId: "Error 101: invalid clientID value, cannot be empty",
  channel: "Error 102: invalid channel value, cannot be empty",
  wildcards: "Error 107: invalid channel value, no wildcards are allowed",
  spaces: "Error 108: invalid channel value, no white spaces are allowed",
  timeout: "Error 109: invalid set timeout value, cannot be 0 or negative",
  emptyMessage: "Error 110: invalid message, cannot be empty",
  startUndefined: "Error 111: invalid subscription type, cannot be undefined or 0",
  startSequence: "Error 112: invalid subscription type start at sequence value, cannot by 0 or negative",
  startTime: "Error 113: invalid subscription type start at time value, cannot by 0 or negative",
  startDelta: "Error 114: invalid subscription type start at time delta value, cannot by 0 or negative",
  emptyRequest: "Error 115: invalid request, cannot be empty",
  cacheTtl: "Error 116: invalid cache ttl value, cannot be 0 or negative",
  requestId: "Error 117: invalid request id, cannot be empty",
  startOfEvents: "Error 118: event store parameters were set but subscribe type is not event store",
  endsWithDot: "Error 119: invalid channel value, cannot end with `.` ",
  requestType: "Error 206: invalid request type",
  subscribeType: "Error 207: invalid subscribe type",
  noReply: "Error 301: timeout for request message",
  storeClientId: "stan: invalid clientID: only alphanumeric and `-` or `_` characters allowed",
  storeClientTaken: "stan: clientID already registered",
  storeSubject: "stan: invalid subject",
  durableName: "stan: durable name of a durable queue subscriber can't contain the character ':'",
  subject: "nats: invalid subject",
  queueName: "nats: invalid queue name",
  controlCharacter: "nats: invalid subject",
} as const;

/** The first rule that a name breaks, of those that channels have in common. */
function channelFault(channel: string): string | undefined {
  if (channel === "") return texts.channel;
  if (channel.endsWith(".")) return texts.endsWithDot;
  return channel.includes(" ") ? texts.spaces : undefined;
}

function literalFault(channel: string): string | undefined {
  return channelFault(channel) ?? (/[*>]/.test(channel) ? texts.wildcards : undefined);
}

/** Control characters break a real broker; this one refuses them. */
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Whether a name has a character that breaks a real broker. */
export function hasControl(name: string): boolean {
  return CONTROL.test(name);
}

/** Whether a name can be that of something that is stored. */
export function isStorable(channel: string): boolean {
  return !channel.includes("/") && channel.split(".").every((token) => token !== "");
}

/** What is wrong with an event, if anything; the first fault in the broker's order. */
export function eventFault({ ClientID, Channel, Metadata, Body }: Event): string | undefined {
  if (ClientID === "") return texts.clientId;
  return literalFault(Channel) ?? (Metadata === "" && Body.length === 0 ? texts.emptyMessage : undefined);
}

/** What is wrong with a request, if anything. */
export function requestFault({ RequestTypeData, ClientID, Channel, Timeout, Metadata, Body, CacheKey, CacheTTL }: Request): string | undefined {
  if (RequestTypeData !== 1 && RequestTypeData !== 2) return texts.requestType;
  if (ClientID === "") return texts.clientId;
  const fault = literalFault(Channel);
  if (fault !== undefined) return fault;
  if (Timeout <= 0) return texts.timeout;
  if (Metadata === "" && Body.length === 0) return texts.emptyRequest;
  return CacheKey !== "" && CacheTTL <= 0 ? texts.cacheTtl : undefined;
}

/** What is wrong with a response, if anything. */
export function responseFault({ ClientID, ReplyChannel, RequestID }: Response): string | undefined {
  if (ClientID === "") return texts.clientId;
  return literalFault(ReplyChannel) ?? (RequestID === "" ? texts.requestId : undefined);
}

/** What is wrong with a subscription to events, commands or queries, if anything. */
export function subscribeFault({ SubscribeTypeData, ClientID, Channel, Group, EventsStoreTypeData }: Subscribe): string | undefined {
  if (ClientID === "") return texts.clientId;
  const fault = channelFault(Channel);
  if (fault !== undefined) return fault;
  if (SubscribeTypeData === 1 && EventsStoreTypeData !== 0) return texts.startOfEvents;
  if (Channel.split(".").includes("") || hasControl(Channel)) return texts.subject;
  return /\s/.test(Group) || hasControl(Group) ? texts.queueName : undefined;
}

/** What is wrong with the client id of a subscription to stored events; asked before all else of it. */
export function storeClientFault({ ClientID }: Subscribe): string | undefined {
  if (ClientID === "") return texts.clientId;
  return /^[\w-]+$/.test(ClientID) ? undefined : texts.storeClientId;
}

/** What is wrong with the rest of a subscription to stored events, if anything. */
export function storeSubscribeFault({ Channel, Group, EventsStoreTypeData, EventsStoreTypeValue }: Subscribe): string | undefined {
  const fault = literalFault(Channel);
  if (fault !== undefined) return fault;
  if (EventsStoreTypeData === 0) return texts.startUndefined;
  if (EventsStoreTypeValue <= 0n) {
    if (EventsStoreTypeData === 4) return texts.startSequence;
    if (EventsStoreTypeData === 5) return texts.startTime;
    if (EventsStoreTypeData === 6) return texts.startDelta;
  }
  if (Group !== "" && (Channel.includes(":") || Group.includes(":"))) return texts.durableName;
  return !isStorable(Channel) || hasControl(Channel) || hasControl(Group) ? texts.storeSubject : undefined;
}
