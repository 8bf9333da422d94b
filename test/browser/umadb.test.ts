import { inject } from "vitest";
import { commands } from "vitest/browser";
import { umadbSpec } from "../spec/umadb.js";

umadbSpec({
  name: "in a page, by fetch through the gateway",
  shared: () => ({ url: inject("gatewayUrl") }),
  async fresh() {
    const { id, gatewayUrl } = await commands.openStore();
    return { options: { url: gatewayUrl }, close: () => commands.closeStore(id) };
  },
});
