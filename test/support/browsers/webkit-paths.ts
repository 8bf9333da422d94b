import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** WebKitGTK's WebDriver. */
export const WEBKIT_DRIVER = "WebKitWebDriver";

/** Debian keeps the browser that belongs to it in a folder of the architecture; `MILLRACE_WEBKIT` names another binary. */
export function miniBrowserPath(): string {
  const chosen = process.env["MILLRACE_WEBKIT"];
  const found = chosen === undefined ? candidates() : [chosen];
  const path = found.find((file) => existsSync(file));
  if (path === undefined) throw new Error("There is no MiniBrowser of WebKitGTK: run `npm run setup:test`, or name one with MILLRACE_WEBKIT");
  return path;
}

function candidates(): string[] {
  const libraries = (existsSync("/usr/lib") ? readdirSync("/usr/lib") : []).filter((name) => name.includes("-linux-"));
  return libraries.flatMap((folder) => ["webkit2gtk-4.1", "webkitgtk-6.0", "webkit2gtk-4.0"].map((name) => join("/usr/lib", folder, name, "MiniBrowser")));
}
