/** What the page's keys do. */
export type Shortcuts = Readonly<Partial<Record<string, () => void>>>;

/** Listens for single keys, except while somebody types, a dialog is open, or the focused element has its own use for the key. */
export function listenForShortcuts(shortcuts: Shortcuts): void {
  document.addEventListener("keydown", (press) => {
    if (press.defaultPrevented || press.ctrlKey || press.metaKey || press.altKey) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (press.key !== "Escape" && press.target instanceof Element && usesKey(press.target, press.key)) return;
    const act = shortcuts[press.key];
    if (act === undefined) return;
    press.preventDefault();
    act();
  });
}

function usesKey(target: Element, key: string): boolean {
  if (target.closest("input, textarea, select") !== null) return true;
  if (key === "Enter") return target.closest("button, a, summary") !== null;
  return key.startsWith("Arrow") && target.closest("#detail") !== null;
}
