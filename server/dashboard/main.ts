import { UmaDb } from "millrace/umadb";
import { byId, setText } from "./view/dom.js";
import { listenForShortcuts } from "./view/keyboard.js";
import { themeToggle } from "./view/theme.js";
import { UmaDbPanel } from "./view/umadb-panel.js";

byId("boot").remove();
// The page comes from the gateway that it speaks to.
setText(byId("gateway"), location.host);
const panel = new UmaDbPanel(new UmaDb({ url: location.origin }));
const theme = themeToggle();
const help = byId<HTMLDialogElement>("help-dialog");
byId("help").addEventListener("click", () => help.showModal());
byId("help-close").addEventListener("click", () => help.close());

listenForShortcuts({
  ArrowDown: () => panel.move(1),
  ArrowUp: () => panel.move(-1),
  Enter: () => panel.openSelected(),
  Escape: () => panel.dismiss(),
  "/": () => panel.focusFilter(),
  p: () => panel.togglePause(),
  a: () => panel.openAppend(),
  t: () => theme.toggle(),
  "?": () => help.showModal(),
});
