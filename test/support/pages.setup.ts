import type { TestProject } from "vitest/node";
import { startUmaDb } from "./umadb.js";

declare module "vitest" {
  interface ProvidedContext {
    /** A real UmaDB server, plain HTTP/2: no page can talk to it. */
    umadbUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const umadb = await startUmaDb();
  project.provide("umadbUrl", umadb.url);
  return () => umadb.close();
}
