import { describe, expect, inject, it } from "vitest";

describe("a page of the browser project", () => {
  it("has a document and nothing of Node", () => {
    expect(document.defaultView).toBe(window);
    expect("Buffer" in globalThis).toBe(false);
  });

  it("is told where the servers are that were started for it", () => {
    expect(inject("umadbUrl")).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("is of a loopback origin, as a developer's page is", () => {
    expect(location.origin).toMatch(/^http:\/\/(localhost|127\.0\.0\.1):\d+$/);
  });
});
