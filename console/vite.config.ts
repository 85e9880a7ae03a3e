import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The page speaks English, so react-aria's other languages (a quarter of its size) stay out; it falls back to English. */
const englishOnly: Plugin = {
  name: "english-only",
  enforce: "pre",
  load: (id) =>
    /\/intl\/[^/]+\/(?!en-US)[a-z]{2}-[A-Z]{2}\.m?js$/.test(id) ? "export default undefined" : null,
};

export default defineConfig({
  plugins: [englishOnly, react()],
  build: {
    outDir: "../services/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy lets no data: script or font in
    license: true,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8700" } },
  test: { include: ["test/**/*.test.ts"] },
});
