/** The browsers that tests run in. */
export type BrowserName = "chromium" | "firefox" | "webkit";

/** A browser of this machine, headless, with a profile of its own. */
export interface RunningBrowser {
  /** Opens a page; certificates that nobody signed are accepted. `onCrash` is told when the page's process died, where the browser says so. */
  open(url: string, onCrash?: () => void): Promise<OpenPage>;
  /** Ends it and everything that it started. */
  close(): Promise<void>;
}

/** An open page. */
export interface OpenPage {
  close(): Promise<void>;
}

/**
 * Starts a browser. Its driver is loaded with it, so that who asks for one browser needs no other's.
 *
 * @throws When it is not installed; the message holds the command that installs it.
 */
export async function launchBrowser(name: BrowserName): Promise<RunningBrowser> {
  if (name === "chromium") return (await import("./chromium.js")).launchChromium();
  if (name === "firefox") return (await import("./firefox.js")).launchFirefox();
  return (await import("./webkit.js")).launchWebKit();
}
