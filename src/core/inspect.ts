/** What Node's `console.log` asks an object for; views have getters, of which it would show nothing. */
export const inspect = /* @__PURE__ */ Symbol.for("nodejs.util.inspect.custom");
