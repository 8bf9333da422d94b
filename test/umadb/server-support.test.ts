import { describe, expect, it } from "vitest";
import { startUmaDb } from "../support/umadb.js";

describe("startUmaDb()", () => {
  it.each([{}, { apiKey: "secret" }, { tls: true, apiKey: "secret" }])("serves with %o, stops by signal and starts again", async (options) => {
    const server = await startUmaDb(options);
    try {
      expect(server.url).toMatch(options.tls ? /^https:/ : /^http:/);
      const pid = server.pid;
      expect(await server.stop()).toBe(0);
      await server.restart();
      expect(server.pid).not.toBe(pid);
      expect(await server.stop("SIGKILL")).toBeNull();
    } finally {
      await server.close();
    }
  });
});
