import { hueOf } from "../model/hue.js";
import { asText, formatSize, hexDump } from "../model/payload.js";
import type { StoredEvent } from "../model/stored-event.js";
import { byId, element, setText } from "./dom.js";
import { bestForm, payloadView, type PayloadForm } from "./payload-view.js";

/** Tags that are laid out; an event may carry 65 535. */
const SHOWN_TAGS = 200;

/** Screens on which the view covers the list; the style sheet has the same bound. */
const NARROW = "(max-width: 860px)";

const FORMS: readonly (readonly [form: PayloadForm, label: string])[] = [
  ["json", "JSON"],
  ["text", "Text"],
  ["hex", "Hex"],
];

/** What can be done from the detail view. */
export interface EventDetailEvents {
  /** Show only events of this type as well. */
  onType(type: string): void;
  /** Show only events with this tag as well. */
  onTag(tag: string): void;
  /** The view was closed, by its button or by `close()`. */
  onClose(): void;
}

/** Everything that is known about one event. */
export class EventDetail {
  readonly #events: EventDetailEvents;
  readonly #panel = byId("detail");
  readonly #body = byId("detail-body");
  readonly #payload = byId("payload");
  readonly #copy = byId<HTMLButtonElement>("copy");
  readonly #tabs = new Map<PayloadForm, HTMLButtonElement>();
  /** The form that was asked for; it stays while one walks through events. */
  #wanted: PayloadForm | undefined;
  #shown: StoredEvent | undefined;

  constructor(events: EventDetailEvents) {
    this.#events = events;
    byId("detail-close").addEventListener("click", () => this.close());
    this.#copy.addEventListener("click", () => void this.#copyPayload());
    for (const [form, label] of FORMS) this.#addTab(form, label);
  }

  get isOpen(): boolean {
    return !this.#panel.hidden;
  }

  show(event: StoredEvent): void {
    this.#shown = event;
    this.#panel.hidden = false;
    document.body.classList.add("has-detail");
    setText(byId("detail-position"), String(event.position));
    byId("detail-title").replaceChildren(element("span", { class: `dot hue-${hueOf(event.type)}` }), event.type || "(no type)");
    this.#body.replaceChildren(this.#facts(event), ...this.#tags(event), ...metadata(event));
    this.#showPayload();
    // Where it covers the list, the keyboard must not stay behind it.
    if (matchMedia(NARROW).matches) this.#panel.focus();
  }

  close(): void {
    if (!this.isOpen) return;
    this.#panel.hidden = true;
    document.body.classList.remove("has-detail");
    this.#events.onClose();
  }

  #facts(event: StoredEvent): HTMLElement {
    const list = element("dl", { class: "facts" });
    const add = (name: string, ...value: (Node | string)[]): void =>
      list.append(element("dt", {}, name), element("dd", {}, ...value));
    add("Type", this.#filterButton(event.type, "type", () => this.#events.onType(event.type)));
    add("UUID", event.uuid === undefined ? element("span", { class: "none" }, "none") : element("code", {}, event.uuid));
    add("Size", `${formatSize(event.data.byteLength)} of data`);
    if (event.tracking !== undefined) add("Tracking", `position ${event.tracking.position} of `, element("code", {}, event.tracking.source));
    return list;
  }

  #tags(event: StoredEvent): Node[] {
    if (event.tags.length === 0) return [];
    const buttons = event.tags
      .slice(0, SHOWN_TAGS)
      .map((tag) => this.#filterButton(tag, "tag", () => this.#events.onTag(tag)));
    const rest = event.tags.length - buttons.length;
    const list = element("div", { class: "tag-list" }, ...buttons);
    if (rest > 0) list.append(element("span", { class: "none" }, `and ${rest} more`));
    return [element("h3", {}, "Tags"), list];
  }

  #filterButton(word: string, kind: "type" | "tag", onClick: () => void): HTMLElement {
    if (word === "") return element("span", { class: "none" }, "(empty)");
    const attributes = { type: "button", "aria-label": `Filter by ${kind} ${word}`, title: `Filter by this ${kind}` };
    return element("button", { class: "tag tag-button", attributes, onClick }, word);
  }

  #addTab(form: PayloadForm, label: string): void {
    const tab = element(
      "button",
      { class: "tab", attributes: { type: "button", role: "tab", id: `tab-${form}`, "aria-controls": "payload" } },
      label,
    );
    tab.addEventListener("click", () => this.#want(form));
    tab.addEventListener("keydown", (press) => {
      const step = press.key === "ArrowRight" ? 1 : press.key === "ArrowLeft" ? -1 : 0;
      if (step === 0) return;
      const index = FORMS.findIndex(([candidate]) => candidate === form);
      const [next] = FORMS[(index + step + FORMS.length) % FORMS.length]!;
      this.#want(next);
      this.#tabs.get(next)?.focus();
      press.preventDefault();
    });
    this.#tabs.set(form, tab);
    byId("payload-tabs").append(tab);
  }

  #want(form: PayloadForm): void {
    this.#wanted = form;
    this.#showPayload();
  }

  #showPayload(): void {
    if (this.#shown === undefined) return;
    const form = this.#form(this.#shown);
    for (const [candidate, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", String(candidate === form));
      tab.tabIndex = candidate === form ? 0 : -1;
    }
    this.#payload.setAttribute("aria-labelledby", `tab-${form}`);
    this.#payload.replaceChildren(payloadView(this.#shown.data, form));
  }

  #form(event: StoredEvent): PayloadForm {
    return this.#wanted ?? bestForm(event.data);
  }

  async #copyPayload(): Promise<void> {
    const event = this.#shown;
    if (event === undefined) return;
    const text = this.#form(event) === "hex" ? hexDump(event.data) : (asText(event.data) ?? hexDump(event.data));
    // The clipboard is missing on plain-http pages of other hosts, and a person may refuse it.
    const copied = await (navigator.clipboard as Clipboard | undefined)?.writeText(text).then(
      () => true,
      () => false,
    );
    setText(this.#copy, copied === true ? "Copied" : "Copying is not allowed");
    setTimeout(() => setText(this.#copy, "Copy"), 1_500);
  }
}

function metadata(event: StoredEvent): Node[] {
  if (event.metadata.length === 0) return [];
  const list = element("dl", { class: "facts" });
  for (const [key, value] of event.metadata.slice(0, SHOWN_TAGS)) {
    list.append(element("dt", {}, element("code", {}, key)), element("dd", {}, value));
  }
  return [element("h3", {}, "Metadata"), list];
}
