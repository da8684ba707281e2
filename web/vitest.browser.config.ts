import { defineConfig } from "vitest/config";

// The built page in a real browser, against the mock controller. One file after the other: the cores are few.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    globalSetup: "test/build.ts",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
