import type { SpecPart } from "../spec/umadb.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Which runtime the tests were started in. */
    runtime: RuntimeName;
    /** How much of a specification runs in it. */
    specPart: SpecPart;
    /** Where it gets stores from. */
    storesUrl: string;
  }
}

/** The runtimes that the tests of this folder run in. */
export type RuntimeName = "chromium" | "firefox" | "webkit" | "node24" | "deno" | "bun" | "workerd";
