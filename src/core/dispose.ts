/** `Symbol.asyncDispose`, also where the platform has none yet (WebKit); a polyfill that comes later is not seen. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (/* @__PURE__ */ Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);
