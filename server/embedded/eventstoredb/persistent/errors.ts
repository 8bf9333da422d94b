import type { StatusError } from "../../service.js";
import { exception } from "../errors.js";

const fieldsOf = (stream: string, group: string): Record<string, string> => ({ "stream-name": stream, ...(group === "" ? {} : { "group-name": group }) });

const of = (status: number, name: string, stream: string, group: string, text: string): StatusError =>
  exception(status, `persistent-subscription-${name}`, `Subscription group ${group} on stream ${stream} ${text}`, fieldsOf(stream, group));

export const groupMissing = (stream: string, group: string): StatusError => of(5, "does-not-exist", stream, group, "does not exist.");
export const groupExists = (stream: string, group: string): StatusError => of(6, "exists", stream, group, "exists.");
export const groupDropped = (stream: string, group: string): StatusError => of(1, "dropped", stream, group, "was dropped.");

export function groupFailed(stream: string, group: string, reason: string): StatusError {
  return exception(13, "persistent-subscription-failed", `Subscription group ${group} on stream ${stream} failed: '${reason}'`, {
    ...fieldsOf(stream, group), reason,
  });
}

export function tooManySubscribers(stream: string, group: string): StatusError {
  return exception(9, "maximum-subscribers-reached", `Maximum subscriptions reached for subscription group ${group} on stream ${stream}.`, fieldsOf(stream, group));
}
