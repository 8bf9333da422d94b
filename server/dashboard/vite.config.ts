import { defineConfig } from "vite";

/** The dashboard as the gateway serves it: hashed files, nothing inlined (the page's content security policy forbids it). */
export default defineConfig({
  base: "/",
  build: {
    outDir: "../dist/dashboard",
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
