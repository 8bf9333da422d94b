import { byId, element } from "./dom.js";

/** How long a message stays, in milliseconds. */
const STAYS_MS = 5_000;

/** Shows a short message at the lower edge and reads it out; it goes by itself. */
export function toast(text: string): void {
  const message = element("div", { class: "toast" }, text);
  byId("toasts").append(message);
  setTimeout(() => message.remove(), STAYS_MS);
}
