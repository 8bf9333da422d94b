import { createRoot } from "react-dom/client";
import { liveFeed } from "millrace/live";
import { UmaDb } from "millrace/umadb";
import { Orders } from "./orders.js";

/** Shows the orders of a store in `element`. The feed is the page's, not a component's: React mounts those more than once. */
export function showOrders(element: Element, url: string): { close(): Promise<void> } {
  const db = new UmaDb({ url });
  const feed = liveFeed((signal) => db.subscribe({ items: [{ types: ["OrderPlaced"] }] }, { signal }), { capacity: 50 });
  const root = createRoot(element);
  root.render(<Orders feed={feed} />);
  return {
    async close() {
      root.unmount();
      await db.close();
    },
  };
}
