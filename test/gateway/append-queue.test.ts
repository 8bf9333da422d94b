import { describe, expect, it } from "vitest";
import type { Client } from "../../server/gateway/exchange.js";
import { AppendQueue, type AppendSlot } from "../../server/gateway/systems/umadb/append-queue.js";

function queueOf(limits: Partial<ConstructorParameters<typeof AppendQueue>[0]> = {}) {
  let now = 0;
  const queue = new AppendQueue({ slots: 8, slotsPerAddress: 4, waiting: 100, ...limits }, () => now);
  const entered: string[] = [];
  const slots: AppendSlot[] = [];
  const join = (name: string, client: Client) => queue.join(client, (slot) => {
    entered.push(name);
    slots.push(slot);
  });
  return { queue, entered, slots, join, pass: (ms: number) => void (now += ms) };
}

/** A queue in which many appends have proved quick. */
function quickQueue(limits: Parameters<typeof queueOf>[0] = {}) {
  const made = queueOf(limits);
  const warm = clientAt("warm");
  const tickets = Array.from({ length: 20 }, () => made.join("warm", warm));
  for (let n = 0; n < 10; n++) made.slots.shift()?.release();
  for (const ticket of tickets) ticket?.leave();
  for (const slot of made.slots.splice(0)) slot.release();
  made.entered.length = 0;
  return made;
}

const clientAt = (address: string): Client => ({ address, connection: {} });

describe("AppendQueue", () => {
  it("begins with one append of an address, and gives it one more for each that proves quick", () => {
    const { queue, join, slots, pass } = queueOf();
    const client = clientAt("a");
    for (let n = 0; n < 30; n++) join("a", client);
    expect(queue.used).toBe(1);
    pass(150);
    for (const expected of [2, 3, 4, 5, 6, 7, 7]) {
      slots.shift()?.release();
      expect(queue.used).toBe(expected);
    }
  });

  it("gives it half as many for each that is slow, and never less than one", () => {
    const { queue, join, slots, pass } = queueOf();
    const client = clientAt("a");
    for (let n = 0; n < 30; n++) join("a", client);
    for (let n = 0; n < 3; n++) slots.shift()?.release();
    expect(queue.used).toBe(4);
    pass(151);
    for (const expected of [3, 2, 1, 1, 1]) {
      slots.shift()?.release();
      expect(queue.used).toBe(expected);
      pass(151);
    }
  });

  it("gives no more to one that never has any waiting", () => {
    const { queue, join, slots } = queueOf();
    const client = clientAt("a");
    for (let n = 0; n < 20; n++) {
      join("one at a time", client);
      slots.pop()?.release();
    }
    for (let n = 0; n < 20; n++) join("many at once", client);
    expect(queue.used).toBe(1);
  });

  it("takes an append that was given up for a quick one, however late that was", () => {
    const { queue, join, slots, pass } = queueOf();
    const client = clientAt("a");
    for (let n = 0; n < 20; n++) join("a", client);
    pass(1_000);
    slots[0]?.giveUp();
    expect(queue.used).toBe(2);
    slots[0]?.release();
    expect(queue.used).toBe(2);
  });

  it("gives an address that is alone all slots but one", () => {
    const { queue, join } = quickQueue();
    const client = clientAt("a");
    for (let n = 0; n < 20; n++) join(`a${n}`, client);
    expect([queue.used, queue.waiting]).toEqual([7, 13]);
  });

  it("gives a second address a slot at once, and no more than its share to the first from then on", () => {
    const { queue, join, slots, entered } = quickQueue();
    const [a, b] = [clientAt("a"), clientAt("b")];
    for (let n = 0; n < 20; n++) join("a", a);
    join("b", b);
    expect(entered.at(-1)).toBe("b");
    for (let n = 0; n < 10; n++) join("b", b);
    for (const slot of slots.slice(0, 3)) slot.release();
    expect(entered.slice(8)).toEqual(["b", "b", "b"]);
    slots[3]?.release();
    expect(entered.slice(11)).toEqual(["a"]);
    expect(queue.used).toBe(8);
  });

  it("lets connections take turns, however much one of them has waiting", () => {
    const { join, slots, entered } = queueOf({ slots: 2, slotsPerAddress: 1 });
    const [one, two] = [clientAt("a"), clientAt("a")];
    for (const name of ["1a", "1b", "1c"]) join(name, one);
    for (const name of ["2a", "2b"]) join(name, two);
    for (let n = 0; n < 4; n++) slots[n]?.release();
    expect(entered).toEqual(["1a", "1b", "2a", "1c", "2b"]);
  });

  it("drops one that leaves while it waits, and serves the next", () => {
    const { queue, join, slots, entered } = queueOf({ slots: 1, slotsPerAddress: 1 });
    const client = clientAt("a");
    join("first", client);
    const second = join("second", client);
    join("third", client);
    second?.leave();
    second?.leave();
    expect(queue.waiting).toBe(1);
    slots[0]?.release();
    expect(entered).toEqual(["first", "third"]);
  });

  it("counts a slot that is released twice once", () => {
    const { queue, join, slots } = queueOf();
    join("a", clientAt("a"));
    join("b", clientAt("b"));
    slots[0]?.release();
    slots[0]?.release();
    expect(queue.used).toBe(1);
  });

  it("refuses whom it has no room for", () => {
    const { join } = queueOf({ slots: 1, slotsPerAddress: 1, waiting: 1 });
    expect(join("a", clientAt("a"))).toBeDefined();
    expect(join("b", clientAt("b"))).toBeDefined();
    expect(join("c", clientAt("c"))).toBeUndefined();
  });
});
