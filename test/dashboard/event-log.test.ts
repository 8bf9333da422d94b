import { describe, expect, it } from "vitest";
import { EventLog } from "../../server/dashboard/model/event-log.js";
import { events, positions } from "./stored-events.js";

describe("EventLog", () => {
  it("gives the newest event first", () => {
    const log = new EventLog();
    log.add(events(1, 3));
    expect(positions(log)).toEqual([3n, 2n, 1n]);
  });

  it("drops the oldest events past its capacity", () => {
    const log = new EventLog({ capacity: 3 });
    log.add(events(1, 5));
    expect(positions(log)).toEqual([5n, 4n, 3n]);
  });

  it("drops the oldest events past its bytes, but never the newest one", () => {
    const log = new EventLog({ maxBytes: 10_000 });
    log.add(events(1, 4, 3_000));
    expect(positions(log)).toEqual([4n, 3n, 2n]);
    log.add(events(5, 5, 20_000));
    expect(positions(log)).toEqual([5n]);
    expect(log.hasRoom).toBe(false);
  });

  it("puts older events behind the oldest one, as far as there is room", () => {
    const log = new EventLog({ capacity: 4 });
    log.add(events(10, 11));
    log.addOlder(events(7, 9).reverse());
    expect(positions(log)).toEqual([11n, 10n, 9n, 8n]);
  });

  it("finds an event by its position", () => {
    const log = new EventLog();
    log.add(events(1, 2).concat(events(5, 9)));
    expect([9n, 5n, 2n, 1n].map((position) => log.indexOf(position))).toEqual([0, 4, 5, 6]);
    expect([0n, 3n, 10n].map((position) => log.indexOf(position))).toEqual([-1, -1, -1]);
  });

  it("stands still while it is paused, and shows what was held back when it goes on", () => {
    const log = new EventLog();
    log.add(events(1, 2));
    log.pause();
    log.add(events(3, 5));
    expect(positions(log)).toEqual([2n, 1n]);
    expect(log.heldBack).toBe(3);
    log.resume();
    expect(positions(log)).toEqual([5n, 4n, 3n, 2n, 1n]);
    expect(log.heldBack).toBe(0);
  });

  it("has no hole after a pause in which more came than it keeps", () => {
    const log = new EventLog({ capacity: 4, maxBytes: 100_000 });
    log.add(events(1, 2));
    log.pause();
    log.add(events(3, 9, 40_000));
    expect(log.heldBack).toBe(7);
    log.resume();
    const shown = positions(log);
    expect(shown[0]).toBe(9n);
    expect(shown).toEqual(shown.map((_, index) => 9n - BigInt(index)));
    expect(shown).not.toContain(2n);
  });

  it("forgets everything when it is cleared, what it holds back too", () => {
    const log = new EventLog();
    log.add(events(1, 2));
    log.pause();
    log.add(events(3, 4));
    log.clear();
    log.resume();
    expect(positions(log)).toEqual([]);
  });
});
