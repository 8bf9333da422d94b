import { describe, expect } from "vitest";
import { errorOf, type SpecContext } from "./backend.js";

export function healthSpec({ db, it, everywhere }: SpecContext): void {
  describe("health()", () => {
    // 41
    everywhere("says that the server is serving, as a whole and by the name of its service", async () => {
      expect(await db().health()).toEqual({ status: "serving" });
      expect(await db().health({ service: "umadb.v1.DCB" })).toEqual({ status: "serving" });
    });

    it("rejects with `not_found` for a service that is not there", async () => {
      expect(await errorOf(db().health({ service: "nobody" }))).toMatchObject({ code: "not_found", system: "umadb" });
    });
  });
}
