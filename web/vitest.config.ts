import { defineConfig } from "vitest/config";

// Decisions only: no browser, no network.
export default defineConfig({
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
