import { defineConfig } from "vite";

/** The dashboard as the gateway serves it: hashed files, nothing inlined (the page's content security policy forbids it). */
export default defineConfig({
  base: "/",
  plugins: [
    {
      name: "same-origin-style-sheet",
      // Asked for as cross-origin, the style sheet would be refused together with the script by a gateway that does not
      // list its own origin, and nothing would be left to say so.
      transformIndexHtml: { order: "post", handler: (html) => html.replaceAll(" crossorigin", "") },
    },
  ],
  build: {
    outDir: "../dist/dashboard",
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
