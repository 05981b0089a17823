/** Makes a model ready on the GPU: pipelines compiled side by side, weights uploaded one part after the other. */
import { encode } from "../../formats/storage.ts";
import type { Data, WeightSource } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import type { ModelPlan, PlanBuffer, Program } from "../plan.ts";
import type { Connection } from "./device.ts";
import { WebgpuExecutable } from "./executable.ts";
import { usableKernels, type LoadedKernel } from "./kernels.ts";
import { guarded, messageOf, storageBuffer } from "./memory.ts";

export async function loadModel(c: Connection, plan: ModelPlan, weights: WeightSource, onProgress?: (done: number, total: number) => void): Promise<WebgpuExecutable> {
  const program = plan.programs.webgpu;
  if (!program) throw new RuntimeFailure("A0710", { place: "programs.webgpu", reason: "the plan has no program for this device" });
  if (program.kernels.some((k) => k.requires?.includes("f16")) && !c.info.features.includes("f16"))
    throw new RuntimeFailure("A0701", { device: "webgpu", reason: `the plan stores weights as f16, which ${c.info.name} does not have` });
  const uploaded: GPUBuffer[] = [];
  try {
    const [kernels, buffers] = await Promise.all([compile(c, program), upload(c, plan, program, weights, uploaded, onProgress)]);
    return new WebgpuExecutable(c, plan, program, kernels, buffers);
  } catch (e) {
    for (const b of uploaded) b.destroy();
    c.check();
    throw e;
  }
}

/** Pipelines of the kernels this device can run, by kernel number. */
async function compile(c: Connection, program: Program): Promise<(LoadedKernel | undefined)[]> {
  const usable = usableKernels(program, c.info.features);
  return Promise.all(program.kernels.map(async (k, i) => {
    if (!usable.has(i)) return undefined;
    const layout = c.device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 4, buffer: { type: "uniform" } },
        ...k.bindings.map((b, n) => ({
          binding: n + 1, visibility: 4, buffer: { type: b.access === "read" ? ("read-only-storage" as const) : ("storage" as const) },
        })),
      ],
    });
    const module = c.device.createShaderModule({ code: k.code, label: k.name });
    try {
      const pipeline = await c.device.createComputePipelineAsync({
        label: k.name, layout: c.device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module, entryPoint: "main" },
      });
      return { pipeline, layout };
    } catch (e) {
      c.check();
      throw new Error(`kernel ${k.name} does not compile on ${c.info.name}: ${messageOf(e)}`, { cause: e });
    }
  }));
}

async function upload(
  c: Connection, plan: ModelPlan, program: Program, weights: WeightSource, uploaded: GPUBuffer[], onProgress?: (done: number, total: number) => void,
): Promise<(GPUBuffer | undefined)[]> {
  const total = program.buffers.reduce((n, b) => n + (b.kind === "weight" ? b.parts.length : 0), 0);
  let done = 0;
  const out: (GPUBuffer | undefined)[] = [];
  for (const b of program.buffers) {
    if (b.kind !== "weight") {
      out.push(undefined);
      continue;
    }
    const counts = b.parts.map((id) => elementsOf(plan, id));
    const width = b.dtype === "f16" || b.dtype === "bf16" ? 2 : 4;
    // A part begins at a multiple of four elements.
    const room = (n: number): number => width * 4 * Math.ceil(n / 4);
    const bytes = counts.reduce((n, x) => n + room(x), 0);
    const what = weightName(plan, b);
    const buffer = await guarded(c, what, () => storageBuffer(c, bytes, what));
    uploaded.push(buffer);
    let at = 0;
    for (const [i, id] of b.parts.entries()) {
      const { data: read } = await weights.read(id);
      c.check();
      const data = b.dtype === "f16" ? halves(read, what) : read;
      c.device.queue.writeBuffer(buffer, at, data.buffer, data.byteOffset, data.byteLength);
      at += room(counts[i]!);
      // The queue holds a copy of what was written until it is done with it.
      if (data.byteLength > 1 << 24) await c.device.queue.onSubmittedWorkDone();
      onProgress?.(++done, total);
    }
    out.push(buffer);
  }
  return out;
}

/** f32 data as f16, padded to whole words. Throws A0701 where a number is too large for f16. */
function halves(data: Data, what: string): Uint8Array {
  let largest = 0;
  for (const v of data) largest = Math.max(largest, Math.abs(v));
  if (largest > 65504) throw new RuntimeFailure("A0701", { device: "webgpu", reason: `${what} holds ${largest}, which f16 cannot; leave \`--dtype f16\` out` });
  const bytes = encode("f16", data);
  if (bytes.byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(bytes.byteLength + 2);
  padded.set(bytes);
  return padded;
}

function elementsOf(plan: ModelPlan, id: number): number {
  return plan.graph.nodes[id]!.type.shape.reduce((n, d) => n * (d.length === 0 ? 0 : d[0]!.coef), 1);
}

function weightName(plan: ModelPlan, b: Extract<PlanBuffer, { kind: "weight" }>): string {
  const names = b.parts.map((id) => paramUnder(plan, id));
  return `Weight ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
}

/** The name of the first tensor a weight is made from. */
function paramUnder(plan: ModelPlan, id: number): string {
  const stack = [id];
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    const n = plan.graph.nodes[i]!;
    if (n.op === "param") return n.tensor;
    stack.push(...n.inputs);
  }
  return "constant";
}
