/** Decoding a random Llama of 88 M parameters on the cpu: bytes of weights a second, the cost of a LoRA, time to compile. */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { build } from "esbuild";
import { open } from "../index.ts";
import { inTurns, report, speedup } from "./compare.ts";
import { makeLlama, shape } from "./make-llama.ts";
import { plainRead } from "./read.ts";

const tokens = 16;
const prompt = { input_ids: { dtype: "i32" as const, shape: [1, 8], data: Int32Array.from({ length: 8 }, (_, i) => 100 + i) } };

export async function decode(): Promise<void> {
  const threads = availableParallelism();
  const session = await open(makeLlama().spec, { device: "cpu", model: "plain", threads });
  // The token table is there twice, for rows and for the head; a step reads the second.
  const bytes = session.weightBytes - 4 * shape.vocabulary * shape.hidden;
  const read = await plainRead(bytes, threads);
  // A turn is 8 + n rows in and n steps; the difference of two lengths is n steps alone.
  const [ours, start, plain] = await inTurns([
    { name: "adapt", run: async () => void (await session.greedy(prompt, tokens + 1)) },
    { name: "prompt", run: async () => void (await session.greedy(prompt, 1)) },
    { name: "read", run: read },
  ], { rounds: 9, turn: 1 });
  const steps = ours!.rounds.map((t, i) => (t - start!.rounds[i]!) / tokens);
  const step = { name: "step", rounds: steps, median: [...steps].sort((a, b) => a - b)[steps.length >> 1]!, best: Math.min(...steps) };
  const rate = (ms: number): number => bytes / ms / 1e6;
  console.log(`88 M Llama, f32, ${threads} threads: ${(bytes / 1e6).toFixed(0)} MB of weights a step, ${step.median.toFixed(2)} ms a token`);
  report("decode, bytes of weights read", ["adapt", rate(step.median)], ["plain read", rate(plain!.median)], "GB/s", { atLeast: 0.5 }, speedup(step, plain!));
  session.dispose();
}

export async function lora(): Promise<void> {
  const threads = availableParallelism();
  const plain = await open(makeLlama().spec, { device: "cpu", model: "plain", threads });
  const tuned = await open(makeLlama().spec, { device: "cpu", model: "tuned", threads, adapters: "side" });
  const extra = tuned.weightBytes - plain.weightBytes;
  if (extra <= 0) throw new Error("the adapter was folded; there is no side path to measure");
  const [with_, without] = await inTurns([tuned, plain].map((s) => ({ name: s.model, run: async () => void (await s.greedy(prompt, tokens)) })), { rounds: 15, turn: 1 });
  console.log(`rank-16 LoRA on seven linears: ${(extra / 1e6).toFixed(1)} MB, ${((100 * extra) / plain.weightBytes).toFixed(1)} % more weights`);
  report("decode with one unmerged LoRA", ["with", with_!.median / tokens], ["without", without!.median / tokens], "ms/token", { atMost: 1.1 }, 1 / speedup(with_!, without!));
  tuned.dispose();
  plain.dispose();
}

/** In a fresh process from one bundled file, as the package ships: its start is not part of the figure, its cold code is. */
export async function compile(): Promise<void> {
  const { spec } = makeLlama();
  const file = new URL("../.cache/compile-once.mjs", import.meta.url).pathname;
  await build({ entryPoints: [new URL("./compile-once.ts", import.meta.url).pathname], outfile: file, bundle: true, format: "esm", platform: "node", packages: "external", target: "es2022", logLevel: "warning" });
  const times = Array.from({ length: 7 }, () => Number(execFileSync(process.execPath, [file, spec], { encoding: "utf8" })));
  times.sort((a, b) => a - b);
  report("compile to a plan, fresh process", ["median", times[3]! / 1000], ["limit", 1], "s", { atMost: 1 });
}
