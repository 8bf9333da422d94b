import { CreateReq } from "millrace/internal/gen/static/event_store/client/persistent_subscriptions/persistent_subscriptions";
import { ReadReq } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { decodeWhole } from "millrace/internal/protobuf/decode";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { status, type Refusal } from "../../refusal.js";

const USERS = "/event_store.client.users.Users/";

/**
 * Finds requests that a real server leaves without an answer for ever: its call would hold a place until its page
 * gives up. What cannot be read is the server's to judge.
 *
 * @param secure Whether the server is reached by TLS; without, it has no users and never answers to be asked for them.
 */
export function refusalOfSilence(path: string, message: Uint8Array, secure: boolean): Refusal | undefined {
  if (path.startsWith(USERS)) return secure ? undefined : refused("A server without TLS has no users and never answers this call", status.failedPrecondition);
  try {
    if (path === eventstoredbMethods.read.path) return refusalOfRead(decodeWhole(ReadReq, message));
    if (path === eventstoredbMethods.persistentCreate.path) return refusalOfCreate(decodeWhole(CreateReq, message));
  } catch {
    return undefined;
  }
  return undefined;
}

function refusalOfRead({ options }: ReadReq): Refusal | undefined {
  if (options === undefined) return undefined;
  const { uuidOption, streamOption, countOption } = options;
  if (uuidOption?.content === undefined) return refused("A read must set uuid_option: without it servers never answer");
  if (streamOption?.$case === "all" && countOption?.$case === "count" && countOption.value === 0n) return refused("A read of $all must ask for one event at least: servers never answer to a count of 0");
  return undefined;
}

function refusalOfCreate({ options }: CreateReq): Refusal | undefined {
  const stream = options?.streamOption;
  if (stream?.$case !== "stream" || (stream.value.streamIdentifier?.streamName.length ?? 0) > 0) return undefined;
  return refused("A persistent subscription must name its stream: servers never answer to an empty name");
}

function refused(message: string, code: number = status.invalidArgument): Refusal {
  return { status: code, message, applied: "no" };
}
