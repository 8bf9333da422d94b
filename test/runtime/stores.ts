import { inject } from "vitest";
import type { StoreUrls } from "../support/stores-server.js";

/** An empty store behind a gateway of its own. */
export interface RemoteStore extends StoreUrls {
  close(): Promise<void>;
}

/** A store that all tests of a run share. */
export async function sharedStore(): Promise<StoreUrls> {
  return (await ask("/shared")) as StoreUrls;
}

/** Starts a store and a gateway for one test, in a process that can. */
export async function freshStore(): Promise<RemoteStore> {
  const { id, ...urls } = (await ask("/fresh")) as StoreUrls & { id: string };
  return {
    ...urls,
    async close() {
      await ask(`/close?${id}`);
    },
  };
}

async function ask(path: string): Promise<unknown> {
  const response = await fetch(inject("storesUrl") + path, { method: "POST" });
  if (!response.ok) throw new Error(`No store: ${await response.text()}`);
  return response.json();
}
