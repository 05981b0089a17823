/**
 * A merge in a process of its own, whose peak memory is then nobody else's: `node --import tsx peak.ts DIR FILE` merges by a mergekit file
 * over the models in DIR into DIR/out and prints milliseconds and megabytes.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeHeader } from "../../formats/safetensors.ts";
import { compileMerge, compileMergekit, mergeToDisk, nodeHost, renderDiagnostics } from "../../index.ts";
import { nodeThreads } from "../../runtime/cpu/node-cpu.ts";

export interface Peak { readonly ms: number; readonly megabytes: number }

/** Runs a merge by `file` (mergekit's, or a program whose `m` is merged) in another process. */
export function peakOf(folder: string, file: string): Peak {
  const out = execFileSync(process.execPath, ["--import", "tsx", fileURLToPath(import.meta.url), folder, file], { encoding: "utf8" });
  return JSON.parse(out) as Peak;
}

/** A directory of bf16 tensors by name, all of one block of `period` small random numbers, with a config. */
export function checkpoint(
  at: string, shapes: Readonly<Record<string, readonly number[]>>, seed: number, config: object = {}, { period = 1e6 + 3, stem = "model", json = "config.json" } = {},
): void {
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, json), JSON.stringify(config));
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "bf16" as const, shape })), block = new Uint16Array(period);
  const file = openSync(join(at, `${stem}.safetensors`), "w");
  let state = seed;
  for (let i = 0; i < block.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block[i] = 0x3c00 | ((state >>> 16) & 0x80ff);
  }
  writeSync(file, writeHeader(tensors));
  for (const t of tensors)
    for (let left = t.shape.reduce((a, b) => a * b, 1); left > 0; left -= block.length) writeSync(file, new Uint8Array(block.buffer, 0, 2 * Math.min(left, block.length)));
  closeSync(file);
}

const [folder, file] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url) && folder !== undefined && file !== undefined) {
  const host = nodeHost();
  const { value, diagnostics } = file.endsWith(".adapt") ? await compileMerge(file, "m", host) : await compileMergekit(file, readFileSync(file, "utf8"), host, { models: folder });
  if (!value) throw new Error(renderDiagnostics(diagnostics));
  const start = performance.now();
  await mergeToDisk(value, join(folder, "out"), { threads: nodeThreads(2) });
  console.log(JSON.stringify({ ms: Math.round(performance.now() - start), megabytes: Math.round(process.resourceUsage().maxRSS / 1024) }));
  process.exit(0);
}
