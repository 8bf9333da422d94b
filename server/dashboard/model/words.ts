import { isMillraceError, type MillraceError } from "millrace";
import type { FeedState } from "./live-feed.js";

/** A state or an outcome for people: a word or two, and what there is to know about it. */
export interface Words {
  readonly title: string;
  readonly detail: string;
}

/** What the connection does, in plain words. `now` is on the clock of `Date.now()`. */
export function stateInWords(state: FeedState, now: number): Words {
  switch (state.kind) {
    case "connecting":
      return { title: "Connecting", detail: "Asking the gateway for the store's newest events." };
    case "catching-up":
      return { title: "Catching up", detail: "Reading what was recorded in the meantime." };
    case "live":
      return { title: "Live", detail: "Events appear as soon as they are recorded." };
    case "waiting": {
      const seconds = Math.max(1, Math.ceil((state.retryAt - now) / 1_000));
      return { title: `Reconnecting in ${seconds} s`, detail: lossInWords(state.cause) };
    }
    case "failed":
      return { title: "Stopped", detail: errorInWords(state.cause) };
  }
}

/** Why a call failed and what can be done, in plain words; the library's own text follows. */
export function errorInWords(error: unknown): string {
  if (!isMillraceError(error)) return "Something in this page went wrong. Reload it to go on.";
  const advice = adviceFor(error);
  return advice === "" ? sentence(error.message) : `${advice} ${sentence(error.message)}`;
}

/** Why an append failed, and whether the event may be in the store all the same. */
export function appendErrorInWords(error: unknown): Words {
  if (isMillraceError(error) && error.applied === "unknown") {
    return {
      title: "It is not known whether the event was recorded",
      detail: `Look for it in the list before you append it again. ${errorInWords(error)}`,
    };
  }
  if (isMillraceError(error, "conflict")) {
    return {
      title: "Not appended: the condition does not hold",
      detail: "An event that matches the condition lies past the position you gave. Nothing was recorded.",
    };
  }
  return { title: "Not appended", detail: errorInWords(error) };
}

function lossInWords(cause: unknown): string {
  if (cause === undefined) return "The store ended the stream. The page goes on where it stopped.";
  return `The connection to the gateway or the store is lost. The page goes on where it stopped. ${isMillraceError(cause) ? sentence(cause.message) : ""}`.trim();
}

function adviceFor(error: MillraceError): string {
  switch (error.code) {
    case "unavailable":
      return "The gateway or the store behind it does not answer.";
    case "timeout":
      return "There was no answer in time.";
    case "permission_denied":
      return "The gateway does not allow this.";
    case "unauthenticated":
      return "The gateway or the store wants credentials that this page does not have.";
    case "resource_exhausted":
      return "This is more than the gateway or the store takes at once.";
    case "unsupported":
      return "The gateway has no such store.";
    default:
      return "";
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
