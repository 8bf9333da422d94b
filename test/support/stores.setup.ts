import type { TestProject } from "vitest/node";
import { serveStores } from "./stores-server.js";

/** Serves stores to the pages of a browser project, for as long as it runs. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { url, close } = await serveStores();
  project.provide("storesUrl", url);
  return close;
}
