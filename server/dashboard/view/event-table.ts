import type { EventLog } from "../model/event-log.js";
import type { StoredEvent } from "../model/stored-event.js";
import { byId, element } from "./dom.js";
import { eventRow, rowId } from "./event-row.js";

/** Rows that are drawn beyond the visible ones, so that scrolling shows no blanks. */
const OVERSCAN = 6;
/** How many rows before the end the next older events are asked for. */
const NEAR_END = 40;

/** What happens in the table. */
export interface EventTableEvents {
  /** Another event is the selected one, by pointer or keyboard. */
  onSelect(event: StoredEvent): void;
  /** The selected event is to be shown in full. */
  onOpen(event: StoredEvent): void;
  /** The rows come to their end. */
  onNearEnd(): void;
}

/** The virtualised list of events, newest first; only visible rows are in the page. */
export class EventTable {
  readonly #log: EventLog;
  readonly #events: EventTableEvents;
  readonly #viewport = byId("rows");
  readonly #space = this.#viewport.appendChild(element("div", { class: "rows-space", attributes: { role: "rowgroup" } }));
  readonly #newestButton = byId("newest");
  readonly #rows = new Map<bigint, HTMLElement>();
  #selected: bigint | undefined;
  #newest: bigint | undefined;
  #anchor: { readonly position: bigint; readonly offset: number } | undefined;

  constructor(log: EventLog, events: EventTableEvents) {
    this.#log = log;
    this.#events = events;
    this.#viewport.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#newestButton.addEventListener("click", () => this.scrollToNewest());
    this.#viewport.addEventListener("click", (click) => this.#onClick(click));
    this.#viewport.addEventListener("keydown", (press) => this.#onKey(press));
    new ResizeObserver(() => this.refresh()).observe(this.#viewport);
  }

  /** The selected event; `undefined` when there is none or it has left the list. */
  get selected(): StoredEvent | undefined {
    return this.#selected === undefined ? undefined : this.#log.at(this.#log.indexOf(this.#selected));
  }

  /** Draws what the log holds now. Whoever has scrolled down keeps seeing the same rows. */
  refresh(): void {
    const height = this.#rowHeight();
    this.#space.style.height = `${this.#log.size * height}px`;
    this.#keepAnchor(height);
    this.#viewport.setAttribute("aria-rowcount", String(this.#log.size));
    this.#newestButton.hidden = this.#viewport.scrollTop < height;
    const first = Math.max(0, Math.floor(this.#viewport.scrollTop / height) - OVERSCAN);
    const last = Math.min(this.#log.size, Math.ceil((this.#viewport.scrollTop + this.#viewport.clientHeight) / height) + OVERSCAN);
    this.#draw(first, last, height);
    this.#newest = this.#log.at(0)?.position;
    if (last > this.#log.size - NEAR_END && this.#log.size > 0) this.#events.onNearEnd();
  }

  /** Forgets rows and selection: the log begins anew. */
  reset(): void {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.#newest = undefined;
    this.#anchor = undefined;
    this.#select(undefined);
    this.#viewport.scrollTop = 0;
    this.refresh();
  }

  /** Back to the newest event, and following it. */
  scrollToNewest(): void {
    this.#anchor = undefined;
    this.#viewport.scrollTop = 0;
    this.refresh();
  }

  focus(): void {
    this.#viewport.focus({ preventScroll: true });
  }

  /** Selects the event that is `by` rows further down (older), and brings it into view. */
  move(by: number): void {
    const current = this.#selected === undefined ? -1 : this.#log.indexOf(this.#selected);
    const target = current < 0 ? 0 : Math.min(this.#log.size - 1, Math.max(0, current + by));
    const event = this.#log.at(target);
    if (event === undefined) return;
    this.#bringIntoView(target);
    this.#select(event);
  }

  #draw(first: number, last: number, height: number): void {
    const kept = new Set<bigint>();
    for (let index = first; index < last; index++) {
      const event = this.#log.at(index);
      if (event === undefined) continue;
      kept.add(event.position);
      const row = this.#rows.get(event.position) ?? this.#addRow(event);
      row.style.transform = `translateY(${index * height}px)`;
      row.setAttribute("aria-rowindex", String(index + 1));
    }
    for (const [position, row] of this.#rows) {
      if (kept.has(position)) continue;
      row.remove();
      this.#rows.delete(position);
    }
  }

  #addRow(event: StoredEvent): HTMLElement {
    const row = eventRow(event);
    if (this.#newest !== undefined && event.position > this.#newest) {
      row.classList.add("fresh");
      row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
    }
    row.setAttribute("aria-selected", String(event.position === this.#selected));
    this.#rows.set(event.position, row);
    this.#space.append(row);
    return row;
  }

  #select(event: StoredEvent | undefined): void {
    this.#selected = event?.position;
    for (const [position, row] of this.#rows) row.setAttribute("aria-selected", String(position === this.#selected));
    if (event === undefined) {
      this.#viewport.removeAttribute("aria-activedescendant");
      return;
    }
    this.#viewport.setAttribute("aria-activedescendant", rowId(event.position));
    this.#events.onSelect(event);
  }

  #bringIntoView(index: number): void {
    const height = this.#rowHeight();
    const top = index * height;
    const { scrollTop, clientHeight } = this.#viewport;
    if (top < scrollTop) this.#viewport.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.#viewport.scrollTop = top + height - clientHeight;
    this.#remember();
    this.refresh();
  }

  /** After rows came in at the top, the row that was at the upper edge is moved back there. */
  #keepAnchor(height: number): void {
    if (this.#anchor === undefined) return;
    const index = this.#log.indexOf(this.#anchor.position);
    if (index < 0) return;
    const wanted = index * height + this.#anchor.offset;
    if (Math.abs(this.#viewport.scrollTop - wanted) > 1) this.#viewport.scrollTop = wanted;
  }

  #remember(): void {
    const height = this.#rowHeight();
    const { scrollTop } = this.#viewport;
    const event = scrollTop < 1 ? undefined : this.#log.at(Math.floor(scrollTop / height));
    this.#anchor = event && { position: event.position, offset: scrollTop % height };
  }

  #onScroll(): void {
    this.#remember();
    this.refresh();
  }

  #onClick(click: MouseEvent): void {
    const row = click.target instanceof Element ? click.target.closest(".row") : null;
    for (const [position, candidate] of this.#rows) {
      if (candidate !== row) continue;
      const event = this.#log.at(this.#log.indexOf(position));
      if (event === undefined) return;
      this.#select(event);
      this.#events.onOpen(event);
    }
  }

  #onKey(press: KeyboardEvent): void {
    if (press.ctrlKey || press.metaKey || press.altKey) return;
    const page = Math.max(1, Math.floor(this.#viewport.clientHeight / this.#rowHeight()) - 1);
    const steps: Partial<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.#log.size,
      End: this.#log.size,
    };
    const step = steps[press.key];
    if (step !== undefined) this.move(step);
    else if (press.key === "Enter" && this.selected !== undefined) this.#events.onOpen(this.selected);
    else return;
    press.preventDefault();
  }

  #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#viewport).getPropertyValue("--row-height"));
  }
}
