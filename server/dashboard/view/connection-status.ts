import type { FeedState } from "../model/live-feed.js";
import { stateInWords } from "../model/words.js";
import { byId, setText } from "./dom.js";

/** Says in words how the connection is doing, in the header and, when it is not well, in a line above the events. */
export class ConnectionStatus {
  readonly #pill = byId("connection");
  readonly #trouble = byId("trouble");
  #state: FeedState = { kind: "connecting" };
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(retryNow: () => void) {
    byId("retry").addEventListener("click", retryNow);
    this.#show();
  }

  set(state: FeedState): void {
    this.#state = state;
    clearInterval(this.#ticking);
    // A wait counts down, so it is shown anew while it lasts.
    if (state.kind === "waiting") this.#ticking = setInterval(() => this.#show(), 500);
    this.#show();
  }

  #show(): void {
    const { kind } = this.#state;
    const { title, detail } = stateInWords(this.#state, Date.now());
    this.#pill.dataset["state"] = kind;
    this.#pill.title = detail;
    setText(byId("connection-title"), title);
    // Read out once a change, not once a second.
    setText(byId("connection-spoken"), kind === "waiting" ? "Connection lost, reconnecting" : title);
    this.#trouble.hidden = kind !== "waiting" && kind !== "failed";
    setText(byId("trouble-title"), title);
    setText(byId("trouble-detail"), detail);
    byId("retry").hidden = kind !== "waiting";
    document.title = kind === "live" ? "UmaDB · Millrace" : `${kind === "waiting" ? "Reconnecting" : title} · UmaDB · Millrace`;
  }
}
