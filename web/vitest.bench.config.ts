import { defineConfig } from "vitest/config";

// Figures of the built page in a real browser, against the mock controller.
export default defineConfig({
  test: {
    include: ["bench/**/*.bench.ts"],
    environment: "node",
    globalSetup: "test/build.ts",
    hookTimeout: 60_000,
  },
});
