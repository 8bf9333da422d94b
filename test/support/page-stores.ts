import { randomUUID } from "node:crypto";
import type { BrowserCommand } from "vitest/node";
import { startGatewayCommand } from "./gateway-command.js";
import { startUmaDb } from "./umadb.js";

/** An empty store behind a gateway of its own, as a page is told of it. */
export interface PageStore {
  readonly id: string;
  readonly gatewayUrl: string;
}

// Vitest types this module by its own provider packages, none of which is installed.
declare module "vitest/browser" {
  /** What a page can ask of the process that runs the tests. */
  export const commands: {
    /** Starts an UmaDB and a gateway for one test of the page. */
    openStore(): Promise<PageStore>;
    /** Ends them. */
    closeStore(id: string): Promise<void>;
  };
}

const closers = new Map<string, () => Promise<void>>();

export const openStore: BrowserCommand = async (): Promise<PageStore> => {
  const umadb = await startUmaDb();
  const gateway = await startGatewayCommand(["--allow-all", "--umadb", umadb.url]).catch(async (error: unknown) => {
    await umadb.close();
    throw error;
  });
  const id = randomUUID();
  closers.set(id, async () => {
    await gateway.close();
    await umadb.close();
  });
  return { id, gatewayUrl: gateway.url };
};

export const closeStore: BrowserCommand<[id: string]> = async (_context, id) => {
  const close = closers.get(id);
  closers.delete(id);
  await close?.();
};
