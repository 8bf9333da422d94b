import { byId } from "./dom.js";

type Theme = "light" | "dark";

const KEY = "millrace-theme";

/** Dark or light as the system says, until the button is pressed; then as pressed, also the next time. */
export function themeToggle(): { toggle(): void } {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  let chosen = stored();
  const show = (): void => {
    if (chosen === undefined) delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = chosen;
    button.setAttribute("aria-label", `Switch to ${current() === "dark" ? "light" : "dark"} colours`);
  };
  const current = (): Theme => chosen ?? (system.matches ? "dark" : "light");
  const toggle = (): void => {
    chosen = current() === "dark" ? "light" : "dark";
    remember(chosen);
    show();
  };
  system.addEventListener("change", show);
  button.addEventListener("click", toggle);
  show();
  return { toggle };
}

// A browser may refuse storage to a page; the choice then lasts as long as the page.
function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    return undefined;
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}
