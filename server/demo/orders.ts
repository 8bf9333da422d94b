import type { AppendCondition, NewEvent } from "millrace/umadb";
import { json } from "millrace";

/** Something that happens in the demo: events, and what must not have happened before. */
export interface DemoStep {
  readonly events: readonly NewEvent[];
  readonly condition: AppendCondition;
}

/** What a {@link Shop} is made of. */
export interface ShopOptions {
  /** From 0 up to but not including 1, as `Math.random` gives them. */
  readonly random: () => number;
  /** The number of the first order. */
  readonly firstOrder: number;
}

type Stage = "placed" | "paid" | "declined" | "baked" | "packed" | "dispatched" | "delivered";

interface Order {
  readonly number: number;
  readonly customer: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly unitPrice: number }[];
  readonly total: number;
  stage: Stage;
}

const CUSTOMERS = ["ada", "bruno", "chiara", "deniz", "elif", "farid", "greta", "hugo", "ines", "jonas"];
const BREADS = [
  { sku: "rye-1kg", unitPrice: 6.4 },
  { sku: "spelt-750g", unitPrice: 5.8 },
  { sku: "sourdough-1kg", unitPrice: 7.2 },
  { sku: "walnut-500g", unitPrice: 5.1 },
  { sku: "baguette", unitPrice: 2.3 },
  { sku: "seed-rolls-6", unitPrice: 4.5 },
];
const FLOURS = ["rye", "spelt", "wheat"];
const COURIERS = ["cargo-bike-1", "cargo-bike-2", "van-7"];
const DECLINES = ["insufficient_funds", "card_expired", "bank_unreachable"];

/** Orders that are under way at most; past it, none is placed until one is delivered. */
const OPEN_ORDERS = 14;

/**
 * A mill with a bakery that takes orders: each order goes its way from `OrderPlaced` to `OrderDelivered`, several at a
 * time, and now and then flour is milled. Every step carries the condition that the same step was not taken before.
 */
export class Shop {
  readonly #random: () => number;
  readonly #open: Order[] = [];
  #nextNumber: number;

  constructor({ random, firstOrder }: ShopOptions) {
    this.#random = random;
    this.#nextNumber = firstOrder;
  }

  /** What happens next. */
  next(): DemoStep {
    if (this.#open.length < 3) return this.#place();
    const chance = this.#random();
    if (chance < 0.06) return this.#mill();
    if (chance < 0.3 && this.#open.length < OPEN_ORDERS) return this.#place();
    return this.#advance(this.#pick(this.#open));
  }

  #place(): DemoStep {
    const lines = BREADS.filter(() => this.#random() < 0.35).map((bread) => ({ ...bread, quantity: 1 + this.#below(3) }));
    if (lines.length === 0) lines.push({ ...this.#pick(BREADS), quantity: 1 });
    const total = round(lines.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0));
    const order: Order = { number: this.#nextNumber++, customer: this.#pick(CUSTOMERS), lines, total, stage: "placed" };
    this.#open.push(order);
    const skus = lines.map(({ sku }) => `sku:${sku}`);
    return step("OrderPlaced", order, "web-shop", { customer: order.customer, lines, total: euros(total) }, skus);
  }

  #advance(order: Order): DemoStep {
    switch (order.stage) {
      case "placed":
        return this.#pay(order);
      case "declined":
        this.#close(order);
        return step("OrderCancelled", order, "web-shop", { reason: "payment_declined" });
      case "paid":
        order.stage = "baked";
        return step("BreadBaked", order, "bakery", { oven: 1 + this.#below(4), minutes: 38 + this.#below(15) });
      case "baked":
        order.stage = "packed";
        return step("OrderPacked", order, "bakery", { parcels: 1 + this.#below(2), weightGrams: 600 + this.#below(4_000) });
      case "packed":
        order.stage = "dispatched";
        return step("OrderDispatched", order, "delivery", { courier: this.#pick(COURIERS), etaMinutes: 15 + this.#below(60) });
      case "dispatched":
        order.stage = "delivered";
        if (this.#random() >= 0.4) this.#close(order);
        return step("OrderDelivered", order, "delivery", { leftWith: this.#pick(["customer", "neighbour", "letterbox"]) });
      case "delivered":
        this.#close(order);
        return step("OrderReviewed", order, "web-shop", { stars: 3 + this.#below(3), recommends: this.#random() < 0.9 });
    }
  }

  #pay(order: Order): DemoStep {
    if (this.#random() < 0.08) {
      order.stage = "declined";
      return step("PaymentDeclined", order, "payments", { reason: this.#pick(DECLINES), amount: euros(order.total) });
    }
    order.stage = "paid";
    return step("PaymentCaptured", order, "payments", { method: this.#pick(["card", "transfer", "cash"]), amount: euros(order.total) });
  }

  #mill(): DemoStep {
    const flour = this.#pick(FLOURS);
    const batch = `batch:${flour}-${this.#nextNumber}-${this.#below(1_000_000)}`;
    const data = json({ flour, kilograms: 20 + this.#below(180), millstone: 1 + this.#below(2) });
    return {
      events: [{ type: "FlourMilled", tags: [`flour:${flour}`, batch], data, metadata: { source: "mill" } }],
      condition: { failIfEventsMatch: { items: [{ types: ["FlourMilled"], tags: [batch] }] } },
    };
  }

  #close(order: Order): void {
    this.#open.splice(this.#open.indexOf(order), 1);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }
}

function step(type: string, order: Order, source: string, data: object, moreTags: readonly string[] = []): DemoStep {
  const tag = `order:${order.number}`;
  const event = {
    type,
    tags: [tag, `customer:${order.customer}`, ...moreTags],
    data: json({ order: order.number, ...data }),
    metadata: { source, "correlation-id": `order-${order.number}` },
  };
  return { events: [event], condition: { failIfEventsMatch: { items: [{ types: [type], tags: [tag] }] } } };
}

function euros(amount: number): { amount: number; currency: "EUR" } {
  return { amount, currency: "EUR" };
}

function round(amount: number): number {
  return Math.round(amount * 100) / 100;
}
