import { writeFile } from "node:fs/promises";
import type { TestProject } from "vitest/node";
import { messageDbSql } from "../../server/embedded/messagedb/install-sql.js";
import { serveGateway } from "../gateway/support/serve.js";
import { echoUpstream, startEchoServer } from "./echo.js";
import { startGatewayCommand } from "./gateway-command.js";
import { startSecureGateway } from "./secure-gateway.js";
import { startUmaDb } from "./umadb.js";

declare module "vitest" {
  interface ProvidedContext {
    /** A real UmaDB server, plain HTTP/2: no page can talk to it. */
    umadbUrl: string;
    /** `millrace gateway --allow-all` in front of it: any page of this machine may. */
    gatewayUrl: string;
    /** The same over TLS, so with HTTP/2. */
    secureGatewayUrl: string;
    /** A gateway that was told nothing: it refuses every call. */
    closedGatewayUrl: string;
    /** A gateway in front of the echo service. */
    echoUrl: string;
  }
}

/** Starts what the pages of the browser project talk to, once for all of them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // What the build puts beside the compiled module, beside its source.
  await writeFile(new URL("../../server/embedded/messagedb/message-db.sql", import.meta.url), await messageDbSql());
  const umadb = await startUmaDb();
  const echo = await startEchoServer();
  const echoGateway = await serveGateway({ upstreams: {}, extraUpstreams: { echo: echoUpstream(echo) } });
  const closeEcho = async (): Promise<void> => {
    await echoGateway.close();
    await echo.close();
  };
  const gateways = await Promise.all([
    startGatewayCommand(["--allow-all", "--umadb", umadb.url]),
    startGatewayCommand(["--umadb", umadb.url]),
    startSecureGateway(umadb.url),
  ]).catch(async (error: unknown) => {
    await closeEcho();
    await umadb.close();
    throw error;
  });
  project.provide("umadbUrl", umadb.url);
  project.provide("gatewayUrl", gateways[0].url);
  project.provide("closedGatewayUrl", gateways[1].url);
  project.provide("secureGatewayUrl", gateways[2].url);
  project.provide("echoUrl", echoGateway.url);
  return async () => {
    await closeEcho();
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await umadb.close();
  };
}
