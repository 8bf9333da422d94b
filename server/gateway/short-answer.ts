import { Answer } from "./answer.js";
import type { HeaderFields, ResponseSink } from "./exchange.js";
import { trailersOfRefusal, type Refusal } from "./refusal.js";

/** What is so small is read at once or not at all: a stream whose window stays closed is not kept for it. */
const UNREAD_MS = 10_000;

/** Answers a request by HTTP's own means. */
export function respond(sink: ResponseSink, httpStatus: number, headers: HeaderFields = {}, text?: string): void {
  dropUnread(sink);
  sink.open(httpStatus, text === undefined || "content-type" in headers ? headers : { ...headers, "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" });
  sink.end(text === undefined ? undefined : new TextEncoder().encode(text));
}

/** Answers a call that does not begin by a gRPC status. */
export function refuseCall(sink: ResponseSink, origin: string | undefined, refusal: Refusal): void {
  dropUnread(sink);
  new Answer(sink, origin).end(trailersOfRefusal(refusal));
}

function dropUnread(sink: ResponseSink): void {
  const timer = setTimeout(() => sink.destroy(), UNREAD_MS);
  const read = (): void => clearTimeout(timer);
  sink.listen({ writable: () => undefined, finished: read, gone: read });
}
