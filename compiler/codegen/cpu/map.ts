/**
 * Elementwise regions on the CPU: each output is computed element by element, four at a time along a last axis that is
 * a multiple of four. The threads share the rows, or the last axis when there are fewer rows than threads. Every op can be
 * computed this way, so it is also the way for a region that no faster schedule takes.
 */
import { constantOf, type Dim } from "../../../ir/dim.ts";
import type { NodeId } from "../../../ir/graph.ts";
import { add, builtin, dimVar, eq, int } from "../kernel-build.ts";
import type { Expr } from "../kernel-ir.ts";
import { rowsOf, type CpuEmitter } from "./emitter.ts";

export function mapRegion(e: CpuEmitter): void {
  for (const id of e.region.outputs) e.scoped(() => mapOutput(e, id));
}

/** Computes and stores one output; of a state, the new rows. */
export function mapOutput(e: CpuEmitter, id: NodeId): void {
  const node = e.node(id);
  if (node.op === "append") {
    const fresh = node.inputs[0]!;
    return overElements(e, e.node(fresh).type.shape, (index, lanes) => {
      const to = index.map((x, axis) => (axis === node.axis ? add(x, dimVar("P")) : x));
      e.store(node, e.places.of(node), to, lanes === 4 ? e.resolve4(fresh, index) : e.resolve(fresh, index));
    });
  }
  overElements(e, node.type.shape, (index, lanes) => e.store(node, e.places.of(node), index, lanes === 4 ? e.resolve4(id, index) : e.resolve(id, index)));
}

/** Visits this thread's elements of a shape, four neighbours at a time where the last axis allows it. */
export function overElements(e: CpuEmitter, shape: readonly Dim[], build: (index: Expr[], lanes: 1 | 4) => void): void {
  if (shape.length === 0) return e.when(eq(builtin("thread"), int(0)), () => build([], 1));
  const last = shape[shape.length - 1]!;
  const width = constantOf(last);
  const lanes = width !== undefined && width % 4 === 0 ? 4 : 1;
  const { rows, columns } = e.split(rowsOf(shape), last, lanes);
  e.overRows(rows, shape.slice(0, -1), (index) => {
    e.loop("c", columns.to, (c) => build([...index, c], lanes), { from: columns.from, upper: last, step: lanes });
  });
}
