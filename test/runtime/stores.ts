import { inject } from "vitest";

/** An empty store behind a gateway of its own. */
export interface RemoteStore {
  readonly gatewayUrl: string;
  close(): Promise<void>;
}

/** The address of a gateway in front of a store that all tests of a run share. */
export async function sharedGatewayUrl(): Promise<string> {
  const { gatewayUrl } = (await ask("/shared")) as { gatewayUrl: string };
  return gatewayUrl;
}

/** Starts a store and a gateway for one test, in a process that can. */
export async function freshStore(): Promise<RemoteStore> {
  const { id, gatewayUrl } = (await ask("/fresh")) as { id: string; gatewayUrl: string };
  return {
    gatewayUrl,
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
