/** Sums and maxima over the threads of a workgroup: through subgroups where there are any, else a tree in workgroup memory. */
import { add, bin, builtin, eq, int, load, lt, subgroup } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import type { RegionKernel } from "./region-kernel.ts";

export type Combine = "sum" | "max" | "min";

const combine = (kind: Combine, a: Expr, b: Expr): Expr => (kind === "sum" ? add(a, b) : bin(kind, a, b));

/**
 * The combination of every thread's `value`, known to all threads. `scratch` has one element a thread and may be
 * reused afterwards: a barrier stands at both ends. Call it in uniform control flow only.
 */
export function reduceWorkgroup(k: RegionKernel, kind: Combine, value: Expr, threads: number, scratch: string, subgroups: boolean): Expr {
  const id = k.local(threads);
  const scalar = value.type.scalar;
  if (subgroups && kind !== "min" && scalar === "f32") {
    const part = k.nameHere(subgroup(kind === "sum" ? "add" : "max", value), "part");
    k.barrier();
    k.when(eq(builtin("subgroup_lane"), int(0)), () => k.put(scratch, builtin("subgroup_id"), part));
    k.barrier();
    const total = k.mutable("total", load(scratch, int(0), scalar));
    k.loop("j", bin("div", int(threads), builtin("subgroup_size")), (j) => k.set(total, combine(kind, total, load(scratch, j, scalar))), { from: int(1) });
    return k.nameHere(total, "all");
  }
  k.barrier();
  k.put(scratch, id, value);
  k.barrier();
  for (let half = threads / 2; half >= 1; half /= 2) {
    k.when(lt(id, int(half)), () => k.put(scratch, id, combine(kind, load(scratch, id, scalar), load(scratch, add(id, int(half)), scalar))));
    k.barrier();
  }
  return k.nameHere(load(scratch, int(0), scalar), "all");
}
