import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/global-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Devices use all cores by themselves; two at a time on a software GPU wait for each other.
    maxWorkers: 1,
  },
});
