/**
 * Peak memory while a checkpoint is loaded: writes N MB of bf16 in shards of 16 tensors, loads all of it as f32 the way a
 * device does, prints `{ resident, peak }` in bytes beyond the process at rest. Run: node --import tsx bench/load-memory.ts 300
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphBuilder } from "../ir/build.ts";
import { writeHeader } from "../formats/safetensors.ts";
import { openCheckpoint } from "../runtime/checkpoint/open.ts";
import { weightSource } from "../runtime/checkpoint/weights.ts";
import { diskFiles } from "../runtime/node-files.ts";

const megabytes = Number(process.argv[2] ?? 300);
const folder = mkdtempSync(join(tmpdir(), "adapt-load-"));
try {
  console.log(JSON.stringify(await measure()));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<{ resident: number; peak: number; seconds: number }> {
  const count = 16, rows = Math.ceil((megabytes * 1e6) / 2 / count / 1024);
  const tensors = Array.from({ length: count }, (_, i) => ({ name: `w${i}`, dtype: "bf16" as const, shape: [rows, 1024] }));
  writeFileSync(join(folder, "config.json"), "{}");
  const file = openSync(join(folder, "model.safetensors"), "w");
  writeSync(file, writeHeader(tensors));
  const block = new Uint8Array(rows * 2048).fill(0x3c);
  for (const _ of tensors) writeSync(file, block);
  closeSync(file);

  const b = new GraphBuilder();
  const nodes = tensors.map((t) => b.param({ source: "base", tensor: t.name, storage: "bf16", shape: t.shape }));
  const graph = b.finish(nodes.map((node, i) => ({ name: `o${i}`, node })));
  const found = await openCheckpoint(diskFiles(), folder, "base");
  if ("problem" in found) throw new Error(found.detail);
  const weights = weightSource({ graph, weights: [], inputs: [], outputs: [], states: [], role: "", generation: { eos: [] }, programs: {} }, new Map([["base", found]]));

  resetPeak();
  const rest = peakBytes();
  // A device keeps one block and copies each weight into it.
  const device = new Float32Array(count * rows * 1024);
  const start = performance.now();
  for (const [i, o] of graph.outputs.entries()) device.set((await weights.read(o.node)).data as Float32Array, i * rows * 1024);
  return { resident: device.byteLength, peak: peakBytes() - rest, seconds: (performance.now() - start) / 1000 };
}

/** Linux keeps the peak of the resident set, and forgets it on request. */
function resetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Elsewhere, or where it is not permitted, the peak covers the whole run, which is an upper bound.
  }
}
function peakBytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
