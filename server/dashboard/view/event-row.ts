import { hueOf } from "../model/hue.js";
import { formatSize, preview } from "../model/payload.js";
import type { StoredEvent } from "../model/stored-event.js";
import { element } from "./dom.js";

/** Tags that a row shows before it only counts the rest. */
const SHOWN_TAGS = 6;

/** The row of one event: position, type, tags, the beginning of the data, size. */
export function eventRow(event: StoredEvent): HTMLElement {
  const cell = (name: string, ...children: (Node | string)[]): HTMLElement =>
    element("div", { class: `cell cell-${name}`, attributes: { role: "gridcell" } }, ...children);
  const tags = event.tags.slice(0, SHOWN_TAGS).map((tag) => element("span", { class: "tag" }, tag));
  if (event.tags.length > SHOWN_TAGS) tags.push(element("span", { class: "tag tag-more" }, `+${event.tags.length - SHOWN_TAGS}`));
  return element(
    "div",
    { class: "row", attributes: { role: "row", id: rowId(event.position) } },
    cell("position", String(event.position)),
    cell("type", element("span", { class: `dot hue-${hueOf(event.type)}` }), element("span", { class: "type" }, event.type || "(no type)")),
    cell("tags", ...tags),
    cell("data", preview(event.data)),
    cell("size", formatSize(event.data.byteLength)),
  );
}

/** The id of the row that shows a position. */
export function rowId(position: bigint): string {
  return `event-${position}`;
}
