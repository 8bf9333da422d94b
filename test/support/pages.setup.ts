import type { TestProject } from "vitest/node";
import { startGatewayCommand } from "./gateway-command.js";
import { startUmaDb } from "./umadb.js";

declare module "vitest" {
  interface ProvidedContext {
    /** A real UmaDB server, plain HTTP/2: no page can talk to it. */
    umadbUrl: string;
    /** `millrace gateway --allow-all` in front of it: any page of this machine may. */
    gatewayUrl: string;
    /** A gateway that was told nothing: it refuses every call. */
    closedGatewayUrl: string;
  }
}

/** Starts what the pages of the browser project talk to, once for all of them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const umadb = await startUmaDb();
  const gateways = await Promise.all([
    startGatewayCommand(["--allow-all", "--umadb", umadb.url]),
    startGatewayCommand(["--umadb", umadb.url]),
  ]).catch(async (error: unknown) => {
    await umadb.close();
    throw error;
  });
  project.provide("umadbUrl", umadb.url);
  project.provide("gatewayUrl", gateways[0].url);
  project.provide("closedGatewayUrl", gateways[1].url);
  return async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await umadb.close();
  };
}
