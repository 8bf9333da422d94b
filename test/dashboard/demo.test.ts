import { fromJson } from "millrace";
import { describe, expect, it } from "vitest";
import { Shop, type DemoStep } from "../../server/demo/orders.js";

/** A small generator with a seed: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function steps(count: number, seed = 7): DemoStep[] {
  const shop = new Shop({ random: seeded(seed), firstOrder: 1_000 });
  return Array.from({ length: count }, () => shop.next());
}

function byOrder(taken: readonly DemoStep[]): Map<string, string[]> {
  const orders = new Map<string, string[]>();
  for (const { type, tags } of taken.flatMap(({ events }) => events)) {
    const order = tags?.find((tag) => tag.startsWith("order:"));
    if (order !== undefined) orders.set(order, [...(orders.get(order) ?? []), type]);
  }
  return orders;
}

describe("Shop", () => {
  it("takes every order its way, several at a time", () => {
    const ways = [
      ["OrderPlaced", "PaymentCaptured", "BreadBaked", "OrderPacked", "OrderDispatched", "OrderDelivered", "OrderReviewed"],
      ["OrderPlaced", "PaymentDeclined", "OrderCancelled"],
    ];
    for (const [order, types] of byOrder(steps(2_000))) {
      expect(ways.some((way) => types.every((type, index) => type === way[index])), `${order}: ${types.join(", ")}`).toBe(true);
    }
  });

  it("begins with an order, whatever luck says", () => {
    for (let seed = 0; seed < 100; seed++) expect(steps(1, seed)[0]?.events[0]?.type).toBe("OrderPlaced");
  });

  it("comes to every kind of event", () => {
    const types = new Set(steps(2_000).flatMap(({ events }) => events.map(({ type }) => type)));
    expect([...types].sort()).toEqual([
      "BreadBaked", "FlourMilled", "OrderCancelled", "OrderDelivered", "OrderDispatched", "OrderPacked", "OrderPlaced", "OrderReviewed", "PaymentCaptured", "PaymentDeclined",
    ]);
  });

  it("makes each step depend on that it was not taken before", () => {
    for (const { events, condition } of steps(300)) {
      const [item] = condition.failIfEventsMatch?.items ?? [];
      for (const { type, tags } of events) {
        expect(item?.types).toEqual([type]);
        expect(tags).toEqual(expect.arrayContaining([...(item?.tags ?? ["none"])]));
      }
    }
  });

  it("numbers orders from where it is told, each once", () => {
    const placed = steps(500).flatMap(({ events }) => events).filter(({ type }) => type === "OrderPlaced");
    const numbers = placed.map(({ data }) => fromJson<{ order: number }>(data).order);
    expect(numbers).toEqual(numbers.map((_, index) => 1_000 + index));
  });

  it("charges what was ordered", () => {
    for (const { type, data } of steps(300).flatMap(({ events }) => events)) {
      if (type !== "OrderPlaced") continue;
      const { lines, total } = fromJson<{ lines: { quantity: number; unitPrice: number }[]; total: { amount: number } }>(data);
      expect(total.amount).toBeCloseTo(lines.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0), 2);
    }
  });
});
