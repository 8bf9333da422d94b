import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "./certificate.js";
import { startGatewayCommand, type GatewayCommand } from "./gateway-command.js";

/** `millrace gateway --allow-all` over TLS, so with HTTP/2, with a certificate that nobody else trusts. */
export async function startSecureGateway(umadbUrl: string): Promise<Pick<GatewayCommand, "url" | "close">> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-secure-"));
  const { certPath, keyPath } = await makeCertificate(folder);
  const config = join(folder, "gateway.json");
  await writeFile(config, JSON.stringify({ tls: { cert: certPath, key: keyPath } }));
  const gateway = await startGatewayCommand(["--allow-all", "--umadb", umadbUrl, "--config", config]);
  return {
    url: gateway.url,
    async close() {
      const code = await gateway.close();
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}
