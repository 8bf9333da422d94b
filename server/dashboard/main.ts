import { byId, setText } from "./view/dom.js";
import { listenForShortcuts } from "./view/keyboard.js";
import { themeToggle } from "./view/theme.js";

byId("boot").remove();
// The page comes from the gateway that it speaks to.
setText(byId("gateway"), location.host);
const theme = themeToggle();
const help = byId<HTMLDialogElement>("help-dialog");
byId("help").addEventListener("click", () => help.showModal());
byId("help-close").addEventListener("click", () => help.close());

// One store a page: another one begins with a page of its own, so that nothing of the last goes on behind it.
const shown = location.hash === "#messagedb" ? "messagedb" : "umadb";
window.addEventListener("hashchange", () => location.reload());
const common = { t: () => theme.toggle(), "?": () => help.showModal() };

if (shown === "umadb") {
  const [{ UmaDb }, { UmaDbPanel }] = await Promise.all([import("millrace/umadb"), import("./view/umadb-panel.js")]);
  const panel = new UmaDbPanel(new UmaDb({ url: location.origin }));
  listenForShortcuts({
    ...common,
    ArrowDown: () => panel.move(1),
    ArrowUp: () => panel.move(-1),
    Enter: () => panel.openSelected(),
    Escape: () => panel.dismiss(),
    "/": () => panel.focusFilter(),
    p: () => panel.togglePause(),
    a: () => panel.openAppend(),
  });
} else {
  document.documentElement.dataset["system"] = shown;
  document.title = "Message DB · Millrace";
  setText(document.querySelector("h1") as Element, "Message DB");
  for (const link of document.querySelectorAll(".systems > a")) link.toggleAttribute("aria-current", false);
  document.querySelector('.systems > a[href="#messagedb"]')?.setAttribute("aria-current", "page");
  const [{ MessageDb }, { MessageDbPanel }] = await Promise.all([import("millrace/messagedb"), import("./view/messagedb-panel.js")]);
  const panel = new MessageDbPanel(new MessageDb({ url: location.origin }));
  listenForShortcuts({ ...common, Escape: () => panel.dismiss(), a: () => panel.openWrite() });
}
