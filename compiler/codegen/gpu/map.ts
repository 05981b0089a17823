/** Elementwise regions: a thread computes one element, or four neighbours, of each output of a shape. The fallback of every region. */
import { add as addDims, constant, constantOf, equal, floorDiv, product, zero, type Dim } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import type { Region } from "../../passes/regions.ts";
import { delinearize } from "../elemental.ts";
import { add, and, bin, dimExpr, int, lt, mul, sub } from "../kernel-build.ts";
import type { MemoryMap } from "./memory-map.ts";
import { ceilDiv, RegionKernel, spaceOf, type Variant } from "./region-kernel.ts";

const threads = 64;
const looping: ReadonlySet<string> = new Set(["reduce", "softmax", "cumsum", "argmax", "top_k"]);

interface Space { readonly shape: readonly Dim[]; readonly outputs: NodeId[] }

export function mapKernel(map: MemoryMap, region: Region, outputs: readonly NodeId[] = region.outputs): Variant {
  const k = new RegionKernel(map, region);
  const spaces: Space[] = [];
  for (const id of outputs) {
    const shape = spaceOf(k.node(id), (n) => k.node(n));
    const known = spaces.find((s) => s.shape.length === shape.length && s.shape.every((d, i) => equal(d, shape[i]!)));
    if (known) known.outputs.push(id);
    else spaces.push({ shape, outputs: [id] });
  }
  const heavy = region.nodes.some((id) => looping.has(k.node(id).op) || (k.node(id).op === "dot" && !smallDot(k, id)));
  const lanesOf = (s: Space): 1 | 4 => {
    const last = constantOf(s.shape[s.shape.length - 1] ?? []);
    return !heavy && last !== undefined && last % 4 === 0 && last > 0 ? 4 : 1;
  };
  const id = k.local(threads);
  const at = k.nameHere(add(mul(k.group(), int(threads)), id), "at");
  let begin: Dim = zero;
  for (const space of spaces) {
    const lanes = lanesOf(space);
    const count = lanes === 1 ? product(space.shape) : floorDiv(product(space.shape), constant(4));
    const end = addDims(begin, count);
    const inside = lt(at, dimExpr(end));
    k.when(begin.length ? and(bin("ge", at, dimExpr(begin)), inside) : inside, () => {
      const n = k.nameHere(sub(at, dimExpr(begin)), "n");
      k.declare(n, count);
      const flat = mul(n, int(lanes));
      const index = delinearize(k.math, flat, space.shape).map((e, i) => k.nameIndex(e, space.shape[i]));
      for (const o of space.outputs) k.yield(o, index, lanes);
    });
    begin = end;
  }
  return k.finish({ name: "map", threads, grid: [ceilDiv(begin, threads)] });
}

/** A low-rank expand: short enough to be computed by every element for itself. */
function smallDot(k: RegionKernel, id: NodeId): boolean {
  const node = k.node(id);
  if (node.op !== "dot") return false;
  const size = constantOf(product(node.contract.map(([a]) => k.node(node.inputs[0]!).type.shape[a]!)));
  return size !== undefined && size <= 128;
}
