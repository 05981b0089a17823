/**
 * Merges of two bf16 checkpoints on disk: `node --import tsx bench/merge.ts [MILLIONS]` (default 400 million parameters each) makes
 * them, merges them with linear and with TIES, and prints GB of output a second beside a plain copy of the files.
 */
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeHeader } from "../formats/safetensors.ts";
import { compileMergekit, mergeToDisk, nodeHost } from "../index.ts";

const millions = Number(process.argv[2] ?? 400), folder = mkdtempSync(join(tmpdir(), "adapt-merge-bench-"));
try {
  for (const [i, name] of ["base", "a", "b"].entries()) checkpoint(join(folder, name), millions, i + 1);
  const bytes = millions * 2e6;
  const copy = timed(() => copyFileSync(join(folder, "a/model.safetensors"), join(folder, "copy")));
  const two = "models:\n- model: a\n  parameters: {weight: 0.6, density: 0.5}\n- model: b\n  parameters: {weight: 0.4, density: 0.5}\n";
  for (const [method, text, goal] of [["linear", `merge_method: linear\n${two}`, 0.5], ["ties", `merge_method: ties\nbase_model: base\n${two}`, 0.1]] as const) {
    const { value } = await compileMergekit("bench.yml", text, nodeHost(), { models: folder });
    if (!value) throw new Error(`${method} has no plan`);
    const start = performance.now();
    await mergeToDisk(value, join(folder, "out"));
    const rate = bytes / 1e6 / (performance.now() - start);
    console.log(`${method.padEnd(8)} ${rate.toFixed(3)} GB/s of output (goal ${goal}), plain copy ${(bytes / 1e6 / (await copy)).toFixed(2)} GB/s, peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function timed(run: () => void): Promise<number> {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Small numbers in tensors of four million elements. */
function checkpoint(at: string, count: number, seed: number): void {
  mkdirSync(at);
  writeFileSync(join(at, "config.json"), "{}");
  const tensors = Array.from({ length: Math.max(1, Math.round(count / 4)) }, (_, i) => ({ name: `layers.${i}.weight`, dtype: "bf16" as const, shape: [1000, 4000] }));
  const file = openSync(join(at, "model.safetensors"), "w"), block = new Uint16Array(4e6);
  let state = seed;
  for (let i = 0; i < block.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block[i] = 0x3c00 | ((state >>> 16) & 0x80ff);
  }
  writeSync(file, writeHeader(tensors));
  for (const _ of tensors) writeSync(file, new Uint8Array(block.buffer));
  closeSync(file);
}
