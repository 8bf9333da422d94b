import type { Message, MessageDb } from "millrace/messagedb";
import { hueOf } from "../model/hue.js";
import type { FeedState } from "../model/live-feed.js";
import { followMessages, hasNoMessageDb } from "../model/message-feed.js";
import { errorInWords, stateInWords } from "../model/words.js";
import { byId, element, oncePerFrame, setText } from "./dom.js";
import { payloadView } from "./payload-view.js";
import { toast } from "./toast.js";
import { WriteDialog } from "./write-dialog.js";

/** Messages that are kept and shown; older ones are dropped. */
const KEPT = 300;
/** Streams of a category that are listed. */
const LISTED = 500;
const ALL = "$all";

/** Message DB: categories and their streams, the messages of one of them as they come, one in full, and a form to write. */
export class MessageDbPanel {
  readonly #db: MessageDb;
  readonly #write: WriteDialog;
  readonly #sources = element("nav", { class: "sources", attributes: { "aria-label": "Categories and streams" } });
  readonly #rows = element("div", { class: "message-rows", attributes: { id: "messages", role: "list", "aria-label": "Messages, newest first" } });
  readonly #words = element("p", { class: "note", attributes: { id: "messages-words" } });
  readonly #detail = element("aside", { class: "detail", attributes: { id: "message", tabindex: "-1", hidden: "" } });
  readonly #redraw = oncePerFrame(() => this.#draw());
  #following = new AbortController();
  #name = ALL;
  /** Oldest first. */
  #messages: Message[] = [];

  constructor(db: MessageDb) {
    this.#db = db;
    this.#write = new WriteDialog(db, (stream, position) => {
      toast(`Written to ${stream} at position ${position}`);
      void this.#list();
    });
    const write = element("button", { class: "button button-primary", attributes: { type: "button", id: "write" }, onClick: () => this.openWrite() }, "Write");
    const refresh = element("button", { class: "button button-quiet", attributes: { type: "button", id: "refresh" }, onClick: () => void this.#list() }, "Refresh");
    byId("toasts").before(
      element("main", { class: "content messagedb" },
        element("section", { class: "list sources-list" }, element("div", { class: "list-head" }, "Categories", refresh), this.#sources),
        element("section", { class: "list" }, element("div", { class: "list-head" }, element("span", { attributes: { id: "messages-name" } }), write), this.#words, this.#rows),
        this.#detail),
      this.#write.element);
    byId("retry").hidden = true;
    void this.#list();
    this.#follow(ALL);
  }

  openWrite(): void {
    this.#write.open(this.#name.includes("-") ? this.#name : "");
  }

  /** Closes the message that is shown in full. */
  dismiss(): void {
    this.#detail.hidden = true;
  }

  /** Categories by the report, with the streams of the one that is followed. */
  async #list(): Promise<void> {
    const open = this.#name === ALL ? undefined : categoryOf(this.#name);
    try {
      const [types, ids] = await Promise.all([this.#db.categoryTypeSummary(), open === undefined ? [] : this.#db.streamIdentifiers(open)]);
      const counts = new Map<string, bigint>();
      for (const { category, count } of types) counts.set(category, (counts.get(category) ?? 0n) + count);
      const entries = [this.#entry(ALL, "All messages", [...counts.values()].reduce((sum, count) => sum + count, 0n))];
      for (const [category, count] of counts) {
        entries.push(this.#entry(category, category, count));
        if (category !== open) continue;
        for (const id of ids.slice(0, LISTED)) entries.push(this.#entry(`${category}-${id}`, id));
        if (ids.length > LISTED) entries.push(element("p", { class: "note" }, `and ${ids.length - LISTED} streams more`));
      }
      this.#sources.replaceChildren(...entries);
    } catch (error) {
      this.#sources.replaceChildren(element("p", { class: "note" }, hasNoMessageDb(error) ? "This gateway serves no Message DB." : errorInWords(error)));
    }
  }

  #entry(name: string, label: string, count?: bigint): HTMLElement {
    const attributes = { type: "button", "data-source": name, "aria-current": String(name === this.#name) };
    const shown = element("button", { class: name.includes("-") ? "source source-stream" : "source", attributes, onClick: () => this.#choose(name) }, element("span", {}, label));
    if (count !== undefined) shown.append(element("span", { class: "source-count" }, String(count)));
    return shown;
  }

  #choose(name: string): void {
    this.#follow(name);
    void this.#list();
  }

  #follow(name: string): void {
    this.#following.abort();
    this.#following = new AbortController();
    const { signal } = this.#following;
    this.#name = name;
    this.#messages = [];
    this.dismiss();
    setText(byId("messages-name"), name === ALL ? "All messages" : name);
    this.#redraw();
    void followMessages(this.#db, name, {
      add: (messages) => {
        if (signal.aborted) return;
        this.#messages.push(...messages);
        this.#messages.splice(0, this.#messages.length - KEPT);
        this.#redraw();
      },
      state: (state) => { if (!signal.aborted) this.#showState(state); },
    }, signal);
  }

  #showState(state: FeedState): void {
    const { title, detail } = stateInWords(state, Date.now());
    const pill = byId("connection");
    pill.dataset["state"] = state.kind;
    pill.title = detail;
    setText(byId("connection-title"), title);
    setText(byId("connection-spoken"), title);
    const troubled = state.kind === "waiting" || state.kind === "failed";
    byId("trouble").hidden = !troubled;
    setText(byId("trouble-title"), title);
    setText(byId("trouble-detail"), detail);
    this.#redraw();
  }

  #draw(): void {
    const live = byId("connection").dataset["state"] === "live";
    this.#words.hidden = this.#messages.length > 0;
    setText(this.#words, live ? "Nothing is stored here yet." : "Waiting for the store.");
    this.#rows.replaceChildren(...this.#messages.map((message) => this.#row(message)).reverse());
  }

  #row(message: Message): HTMLElement {
    const { globalPosition, stream, type, position, data } = message;
    return element("div", { attributes: { role: "listitem" } },
      element("button", { class: "message-row", attributes: { type: "button" }, onClick: () => this.#show(message) },
        element("span", { class: "source-count" }, String(globalPosition)),
        element("span", {}, element("span", { class: `dot hue-${hueOf(type)}` }), type || "(no type)"),
        element("span", {}, `${stream} @ ${position}`),
        element("span", { class: "message-data" }, JSON.stringify(data).slice(0, 240))));
  }

  #show({ id, stream, type, position, globalPosition, data, metadata, time }: Message): void {
    const facts = element("dl", { class: "facts" });
    const said = { Stream: stream, Position: String(position), Id: id, Time: time.toISOString() };
    for (const [name, value] of Object.entries(said)) facts.append(element("dt", {}, name), element("dd", {}, element("code", {}, value)));
    const close = element("button", { class: "button button-quiet", attributes: { type: "button" }, onClick: () => this.dismiss() }, "Close");
    const heading = element("div", {}, element("p", { class: "eyebrow" }, `Global position ${globalPosition}`), element("h2", {}, type || "(no type)"));
    this.#detail.replaceChildren(
      element("header", { class: "detail-head" }, heading, close),
      element("div", { class: "detail-scroll" }, facts, element("h3", {}, "Data"), json(data), ...(metadata === undefined ? [] : [element("h3", {}, "Metadata"), json(metadata)])));
    this.#detail.hidden = false;
    this.#detail.focus();
  }
}

function json(value: unknown): Node {
  return payloadView(new TextEncoder().encode(JSON.stringify(value)), "json");
}

function categoryOf(name: string): string {
  const hyphen = name.indexOf("-");
  return hyphen === -1 ? name : name.slice(0, hyphen);
}
