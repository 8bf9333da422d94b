import { MillraceError } from "millrace";
import { describe, expect, it } from "vitest";
import { appendErrorInWords, errorInWords, stateInWords } from "../../server/dashboard/model/words.js";

describe("stateInWords()", () => {
  it("counts down to the next try and says what was lost", () => {
    const cause = new MillraceError("unavailable", "The gateway was not reached");
    const words = stateInWords({ kind: "waiting", retryAt: 5_000, cause }, 2_400);
    expect(words.title).toBe("Reconnecting in 3 s");
    expect(words.detail).toContain("The gateway was not reached.");
  });

  it("never counts below one second", () => {
    expect(stateInWords({ kind: "waiting", retryAt: 1_000, cause: undefined }, 9_000).title).toBe("Reconnecting in 1 s");
  });

  it("says why it stopped", () => {
    const cause = new MillraceError("permission_denied", "Start it with --allow-all");
    expect(stateInWords({ kind: "failed", cause }, 0)).toEqual({
      title: "Stopped",
      detail: "The gateway does not allow this. Start it with --allow-all.",
    });
  });
});

describe("appendErrorInWords()", () => {
  it("tells a conflict from a failure", () => {
    expect(appendErrorInWords(new MillraceError("conflict", "x")).title).toBe("Not appended: the condition does not hold");
    expect(appendErrorInWords(new MillraceError("resource_exhausted", "x")).title).toBe("Not appended");
  });

  it("never calls an unknown outcome a failure", () => {
    const words = appendErrorInWords(new MillraceError("unavailable", "x", { applied: "unknown" }));
    expect(words.title).toBe("It is not known whether the event was recorded");
    expect(words.detail).toContain("Look for it in the list");
  });
});

describe("errorInWords()", () => {
  it("shows nothing of an error that the library did not make", () => {
    expect(errorInWords(new TypeError("secret internals"))).not.toContain("secret internals");
  });
});
