import { UmaDb } from "millrace/umadb";
import { describe, expect, inject, it } from "vitest";

describe("a page of the browser project", () => {
  it("has a document and nothing of Node", () => {
    expect(document.defaultView).toBe(window);
    expect("Buffer" in globalThis).toBe(false);
  });

  it("is of a loopback origin, as a developer's page is", () => {
    expect(location.origin).toMatch(/^http:\/\/(localhost|127\.0\.0\.1):\d+$/);
  });
});

describe("a gateway that was told of no origin", () => {
  it("gives this page nothing: not an answer, not a reason", async () => {
    await expect(fetch(inject("closedGatewayUrl"), { method: "POST" })).rejects.toThrow(TypeError);
    const db = new UmaDb({ url: inject("closedGatewayUrl"), retry: false });
    await expect(db.head()).rejects.toMatchObject({ code: "unavailable" });
  });
});
