import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/global-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Devices use all cores by themselves; two at a time on a software GPU wait for each other.
    maxWorkers: 1,
    // A software GPU (llvmpipe) compiles shaders longer than it runs them: narrower vectors and no optimisation halve that.
    env: { GALLIVM_PERF: "nopt", LP_NATIVE_VECTOR_WIDTH: "128" },
  },
});
