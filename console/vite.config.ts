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

const root = new URL(".", import.meta.url).pathname;
/** What the first screen needs, in two files instead of sixty: what starts it, and the rest. */
const FIRST = [
  { name: "start", entries: ["src/main.tsx"] },
  { name: "employees", entries: ["src/screens/CompanyFrame.tsx", "src/screens/employees/Employees.tsx"] },
];
const needed = new Map<string, string>();
const fewFiles: Plugin = {
  name: "few-files",
  buildEnd() {
    for (const { name, entries } of FIRST) {
      const left = entries.map((entry) => root + entry);
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        if (needed.has(id)) continue;
        needed.set(id, name);
        left.push(...(this.getModuleInfo(id)?.importedIds ?? []));
      }
    }
  },
};

const groups = FIRST.map(({ name }, place) => ({
  name,
  priority: FIRST.length - place,
  test: (id: string) => needed.get(id) === name,
}));

export default defineConfig({
  plugins: [englishOnly, react(), fewFiles],
  build: {
    outDir: "../services/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy lets no data: script or font in
    license: true,
    chunkSizeWarningLimit: 600,
    rolldownOptions: { output: { codeSplitting: { groups } } },
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8700" } },
  test: { include: ["test/**/*.test.ts"] },
});
