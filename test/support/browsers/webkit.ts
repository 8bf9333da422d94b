import { freePort } from "../free-port.js";
import type { RunningBrowser } from "./launch.js";
import { miniBrowserPath, WEBKIT_DRIVER } from "./webkit-paths.js";
import { startGroup, type Group } from "./group.js";
import { startDisplay, type Display } from "./display.js";

const START_TIMEOUT_MS = 20_000;

/**
 * Starts WebKitGTK's small browser by its own driver. Playwright and puppeteer have none that can be installed from a
 * distribution, so this speaks WebDriver itself. It has one window: a page that is opened takes the place of the last.
 */
export async function launchWebKit(): Promise<RunningBrowser> {
  const binary = miniBrowserPath();
  let display: Display | undefined;
  let driver: Group | undefined;
  const close = async (): Promise<void> => {
    await driver?.end();
    await display?.close();
  };
  try {
    display = await startDisplay();
    const port = await freePort();
    driver = startGroup(WEBKIT_DRIVER, [`--port=${port}`], { env: { DISPLAY: display.name } });
    const session = await openSession(`http://127.0.0.1:${port}`, binary, driver);
    return {
      async open(url) {
        await session.call("POST", "/url", { url });
        return { close: () => session.call("POST", "/url", { url: "about:blank" }) };
      },
      async close() {
        // The driver ends the browser with its session; what is left ends with the group.
        await session.call("DELETE", "").catch(() => undefined);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Session {
  call(method: "POST" | "DELETE", path: string, body?: object): Promise<void>;
}

async function openSession(driverUrl: string, binary: string, driver: Group): Promise<Session> {
  await whenReady(driverUrl, driver);
  const alwaysMatch = { acceptInsecureCerts: true, "webkitgtk:browserOptions": { binary, args: ["--automation"] } };
  const { sessionId } = (await ask("POST", `${driverUrl}/session`, { capabilities: { alwaysMatch } })) as { sessionId: string };
  return {
    async call(method, path, body) {
      await ask(method, `${driverUrl}/session/${sessionId}${path}`, body);
    },
  };
}

async function whenReady(driverUrl: string, driver: Group): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const ready = await fetch(`${driverUrl}/status`).then(({ ok }) => ok, () => false);
    if (ready) return;
    if (driver.hasEnded() || Date.now() > deadline) throw new Error(`${WEBKIT_DRIVER} is not ready:\n${driver.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ask(method: string, url: string, body?: object): Promise<unknown> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }) });
  const { value } = (await response.json()) as { value: { error?: string; message?: string } | null };
  if (value?.error !== undefined) throw new Error(`WebKit: ${value.error}: ${value.message ?? ""}`);
  return value;
}
