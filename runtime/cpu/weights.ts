/** Puts weights where the kernels read them: row-major, or as panels of 16 rows. */
import { evaluate } from "../../ir/dim.ts";
import type { WeightSource } from "../device.ts";
import type { ModelPlan, PlanBuffer, Program } from "../plan.ts";
import type { Heap } from "./heap.ts";

type WeightBuffer = Extract<PlanBuffer, { kind: "weight" }>;
const panel = 16;

export interface LoadedWeights {
  /** Addresses by buffer number. */
  readonly addresses: ReadonlyMap<number, number>;
  readonly bytes: number;
}

/** Reads the weights one after the other. Throws `RuntimeFailure` A0703 when they do not fit the memory. */
export async function loadWeights(heap: Heap, plan: ModelPlan, program: Program, source: WeightSource, onProgress?: (done: number, total: number) => void): Promise<LoadedWeights> {
  const list = program.buffers.flatMap((b, i) => (b.kind === "weight" ? [{ b, i }] : []));
  const addresses = new Map<number, number>();
  const sizes = list.map(({ b }) => 4 * b.parts.reduce((n, id) => n + roomFor(plan, b, id), 0));
  const bytes = sizes.reduce((a, b) => a + b, 0);
  const what = "the weights of the model";
  heap.reserve(bytes + 64 * list.length, what);
  let done = 0;
  for (const [n, { b, i }] of list.entries()) {
    const at = heap.allocate(sizes[n]!, what);
    addresses.set(i, at);
    let offset = at;
    for (const id of b.parts) {
      const { shape, data } = await source.read(id);
      const room = roomFor(plan, b, id);
      if (b.layout === "panel16") pack(heap.f32(offset, room), data, shape[0]!, shape[1]!);
      else if (data instanceof Int32Array) heap.i32(offset, data.length).set(data);
      else heap.f32(offset, data.length).set(data);
      offset += 4 * room;
    }
    onProgress?.(++done, list.length);
  }
  return { addresses, bytes };
}

/** Elements a part takes, with padding. */
function roomFor(plan: ModelPlan, b: WeightBuffer, id: number): number {
  const shape = plan.graph.nodes[id]!.type.shape.map((d) => evaluate(d, {}));
  if (b.layout === "panel16") return Math.ceil(shape[0]! / panel) * panel * shape[1]!;
  return Math.ceil(shape.reduce((x, y) => x * y, 1) / 4) * 4;
}

/** `[n, k]` row-major to `[ceil(n / 16)][k][16]`; rows after n are zero. Blocks of 64 columns stay in the cache. */
function pack(to: Float32Array, from: ArrayLike<number>, n: number, k: number): void {
  for (let p = 0; p * panel < n; p++) {
    const rows = Math.min(panel, n - p * panel), first = p * panel * k;
    if (rows < panel) to.fill(0, first, first + k * panel);
    for (let start = 0; start < k; start += 64) {
      const end = Math.min(k, start + 64);
      for (let r = 0; r < rows; r++) {
        const row = first + r * k;
        for (let i = start, at = first + start * panel + r; i < end; i++, at += panel) to[at] = from[row + i]!;
      }
    }
  }
}
