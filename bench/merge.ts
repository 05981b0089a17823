/**
 * Merges of checkpoints on disk: a script makes two bf16 checkpoints of 400 million parameters and a base in a temporary
 * directory, merges them with linear, TIES, DELLA and Model Stock on two threads, and prints GB of output a second beside a plain copy of one file.
 */
import { execFileSync } from "node:child_process";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeHeader } from "../formats/safetensors.ts";
import { compileMergekit, mergeToDisk, nodeHost } from "../index.ts";
import { nodeThreads } from "../runtime/cpu/node-cpu.ts";

/** The merges, with the GB a second of output that some are meant to reach on two threads. */
const goals = { linear: 0.5, ties: 0.1, della: undefined, model_stock: undefined } as const;
const repeats = 3;

export async function merge(millions = 400): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "adapt-merge-bench-"));
  try {
    for (const [i, name] of ["base", "a", "b"].entries()) checkpoint(join(folder, name), millions, i + 1);
    console.log(`two checkpoints of ${millions} M parameters in bf16, 2 threads, best of ${repeats}; load of the machine ${loadavg()[0]!.toFixed(1)}`);
    const rate = (ms: number): number => (millions * 2e6) / 1e6 / ms;
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      copyFileSync(join(folder, "a/model.safetensors"), join(folder, "copy"));
      best = Math.min(best, performance.now() - start);
    }
    const copy = rate(best);
    console.log(`copy        ${copy.toFixed(2)} GB/s`);
    for (const method of Object.keys(goals) as (keyof typeof goals)[]) {
      const runs = Array.from({ length: repeats }, () => inOwnProcess(method, folder)), fastest = runs.reduce((a, b) => (b.ms < a.ms ? b : a));
      const reached = rate(fastest.ms), goal = goals[method], peak = Math.max(...runs.map((r) => r.peak));
      console.log(`${method.padEnd(11)} ${reached.toFixed(2)} GB/s of output, ${(reached / copy).toFixed(2)} of a plain copy${goal === undefined ? "" : ` (goal ${goal} GB/s, ${reached >= goal ? "reached" : "missed"})`}; ${fastest.cpu.toFixed(1)} s of processor time, peak ${peak.toFixed(0)} MB`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run { readonly ms: number; readonly cpu: number; readonly peak: number }

/** A merge in a process of its own, so that its memory is nobody else's. */
function inOwnProcess(method: keyof typeof goals, folder: string): Run {
  return JSON.parse(execFileSync(process.execPath, ["--import", "tsx", fileURLToPath(import.meta.url), method, folder], { encoding: "utf8" })) as Run;
}

async function run(method: keyof typeof goals, folder: string): Promise<Run> {
  const two = "models:\n- model: a\n  parameters: {weight: 0.6, density: 0.5}\n- model: b\n  parameters: {weight: 0.4, density: 0.5}\n";
  const text = method === "linear" ? `merge_method: linear\n${two}` : `merge_method: ${method}\nbase_model: base\n${two}`;
  const { value } = await compileMergekit("bench.yml", text, nodeHost(), { models: folder });
  if (!value) throw new Error(`${method} has no plan`);
  const start = performance.now(), before = process.cpuUsage();
  await mergeToDisk(value, join(folder, "out"), { threads: nodeThreads(2) });
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - start, cpu: (user + system) / 1e6, peak: process.resourceUsage().maxRSS / 1024 };
}

/** Small numbers in tensors of four million elements. */
function checkpoint(at: string, millions: number, seed: number): void {
  mkdirSync(at);
  writeFileSync(join(at, "config.json"), "{}");
  const tensors = Array.from({ length: Math.max(1, Math.round(millions / 4)) }, (_, i) => ({ name: `layers.${i}.weight`, dtype: "bf16" as const, shape: [1000, 4000] }));
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

const [method, folder] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url) && folder !== undefined) {
  console.log(JSON.stringify(await run(method as keyof typeof goals, folder)));
  process.exit(0);
}
