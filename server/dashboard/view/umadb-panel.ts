import type { UmaDb } from "millrace/umadb";
import { EventLog } from "../model/event-log.js";
import { isEverything, toQuery } from "../model/filter.js";
import { followStore, type FeedSink, type LiveFeed } from "../model/live-feed.js";
import { Rate } from "../model/rate.js";
import type { StoredEvent } from "../model/stored-event.js";
import { AppendDialog } from "./append-dialog.js";
import { ConnectionStatus } from "./connection-status.js";
import { byId, oncePerFrame, setText } from "./dom.js";
import { EventDetail } from "./event-detail.js";
import { EventTable } from "./event-table.js";
import { FilterBar } from "./filter-bar.js";
import { sparkline } from "./sparkline.js";
import { toast } from "./toast.js";

/** Older events that are read at a time when somebody scrolls to the end. */
const OLDER_AT_ONCE = 500;
/** The seconds that the sparkline shows, and those that the rate beside it is the mean of. */
const SPARKLINE_SECONDS = 60;
const MEAN_SECONDS = 10;

/** The live feed of one UmaDB: figures, filter, events, detail, append form. */
export class UmaDbPanel {
  readonly #db: UmaDb;
  readonly #log = new EventLog();
  readonly #rate = new Rate(SPARKLINE_SECONDS, () => performance.now());
  readonly #sparkline = sparkline(byId<SVGSVGElement>("sparkline"));
  readonly #table: EventTable;
  readonly #detail: EventDetail;
  readonly #filter: FilterBar;
  readonly #append: AppendDialog;
  readonly #status: ConnectionStatus;
  readonly #redraw = oncePerFrame(() => this.#draw());
  #feed: LiveFeed | undefined;
  #head = 0n;
  #received = 0;
  /** There is nothing older, or it is being read. */
  #olderIsDone = false;
  #begun = false;

  constructor(db: UmaDb) {
    this.#db = db;
    this.#table = new EventTable(this.#log, {
      onSelect: (event) => this.#detail.isOpen && this.#detail.show(event),
      onOpen: (event) => this.#detail.show(event),
      onNearEnd: () => void this.#readOlder(),
    });
    this.#detail = new EventDetail({
      onType: (type) => this.#filter.addType(type),
      onTag: (tag) => this.#filter.addTag(tag),
      onClose: () => this.#table.focus(),
    });
    this.#filter = new FilterBar(() => this.#follow());
    this.#append = new AppendDialog(db, {
      onAppended: (position, type) => toast(`${type} appended at position ${position}`),
    });
    this.#status = new ConnectionStatus(() => this.#feed?.retryNow());
    byId("pause").addEventListener("click", () => this.togglePause());
    byId("held").addEventListener("click", () => this.togglePause());
    byId("append").addEventListener("click", () => this.#append.open());
    window.addEventListener("online", () => this.#feed?.retryNow());
    setInterval(() => this.#drawRate(), 1_000);
    this.#follow();
  }

  /** Stands the list still, or shows what has come since it did. */
  togglePause(): void {
    if (this.#log.paused) this.#log.resume();
    else this.#log.pause();
    this.#redraw();
  }

  openAppend(): void {
    this.#append.open();
  }

  focusFilter(): void {
    this.#filter.focus();
  }

  /** Selects another event, `by` rows further down. */
  move(by: number): void {
    this.#table.focus();
    this.#table.move(by);
  }

  /** Shows the selected event in full. */
  openSelected(): void {
    const event = this.#table.selected;
    if (event !== undefined) this.#detail.show(event);
  }

  /** Closes the detail view, or leaves the field that one types in. */
  dismiss(): void {
    if (this.#detail.isOpen) this.#detail.close();
    else this.#table.focus();
  }

  #follow(): void {
    this.#feed?.close();
    this.#begun = false;
    this.#clear();
    const sink: FeedSink = {
      begin: (history, head) => this.#begin(history, head),
      add: (events) => this.#add(events),
      state: (state) => this.#status.set(state),
    };
    this.#feed = followStore(this.#db, sink, { query: toQuery(this.#filter.filter) });
    this.#redraw();
  }

  #clear(): void {
    this.#log.clear();
    this.#table.reset();
    this.#olderIsDone = false;
  }

  #begin(history: readonly StoredEvent[], head: bigint): void {
    // A second beginning means another store; what the detail view shows is not in it.
    if (this.#begun) this.#detail.close();
    this.#clear();
    this.#begun = true;
    this.#head = head;
    // What was there before is history, also on a page that has been paused.
    const paused = this.#log.paused;
    if (paused) this.#log.resume();
    this.#log.add(history);
    if (paused) this.#log.pause();
    this.#redraw();
  }

  #add(events: readonly StoredEvent[]): void {
    this.#log.add(events);
    this.#rate.add(events.length);
    this.#received += events.length;
    this.#head = events.at(-1)?.position ?? this.#head;
    this.#redraw();
  }

  async #readOlder(): Promise<void> {
    const feed = this.#feed;
    const oldest = this.#log.at(this.#log.size - 1);
    if (feed === undefined || oldest === undefined || this.#olderIsDone || !this.#log.hasRoom) return;
    this.#olderIsDone = true;
    try {
      const older = await feed.older(oldest.position, OLDER_AT_ONCE);
      if (feed !== this.#feed) return;
      this.#log.addOlder(older);
      this.#olderIsDone = older.length < OLDER_AT_ONCE;
      if (older.length > 0) this.#redraw();
    } catch {
      // The feed itself shows what is wrong with the connection; scrolling on asks again.
      if (feed === this.#feed) this.#olderIsDone = false;
    }
  }

  #draw(): void {
    const filtered = !isEverything(this.#filter.filter);
    this.#table.refresh();
    const { size, capacity, paused, heldBack } = this.#log;
    const newest = filtered ? this.#log.at(0)?.position : this.#head;
    setText(byId("figure-head-label"), filtered ? "Newest match" : "Newest position");
    setText(byId("figure-head"), this.#begun && newest !== undefined ? String(newest) : "–");
    setText(byId("figure-received"), String(this.#received));
    setText(byId("figure-shown"), String(size));
    setText(byId("figure-capacity"), `of ${capacity.toLocaleString("en").replace(",", "\u202f")} kept`);
    byId("pause").setAttribute("aria-pressed", String(paused));
    setText(byId("pause-label"), paused ? "Resume" : "Pause");
    byId("held").hidden = !paused;
    setText(byId("held"), `Paused. ${heldBack} new`);
    byId("empty").hidden = size > 0;
    setText(byId("empty-words"), this.#emptyInWords(filtered));
  }

  #emptyInWords(filtered: boolean): string {
    if (!this.#begun) return "Waiting for the store.";
    return filtered ? "Nothing matches this filter yet." : "The store is empty. Append the first event.";
  }

  #drawRate(): void {
    // The second that still runs would always look like a drop.
    this.#sparkline.update(this.#rate.history().slice(0, -1));
    setText(byId("figure-rate"), this.#rate.mean(MEAN_SECONDS).toFixed(1));
  }
}
