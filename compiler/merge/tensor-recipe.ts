/** One tensor of a merged checkpoint: the members' tensors as params, the merge over them, the base added where it is over deltas. */
import { GraphBuilder } from "../../ir/build.ts";
import type { NodeId, StorageType } from "../../ir/graph.ts";
import type { TensorHeader } from "../../formats/checkpoint.ts";
import type { MergedTensor } from "../../runtime/merge/merge-plan.ts";
import type { Span } from "../base/source.ts";
import type { Declared, TensorVal, Value } from "../check/values.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { Interpreter } from "../elaborate/interpreter.ts";
import { runMerge, soleSpot } from "../elaborate/merge.ts";
import { tensorOf } from "../elaborate/operators.ts";

/** A tensor of a member, and how it is brought to the common shape. */
export interface MemberTensor {
  readonly source: string;
  readonly header: TensorHeader;
  /** Set where the member is not the tensor of the file, but made of it: by this recipe. */
  readonly made?: MergedTensor;
  /** The first rows and columns that all members have. */
  readonly cut?: readonly [number, number];
  /** Row i of the result is row `rows[i]`; -1 for one that the member does not have, which `fill` gives. */
  readonly rows?: readonly number[];
  /** Rows for what `rows` leaves out, by position. */
  readonly fill?: readonly RowSource[];
}
/** Row `row` of the result, the mean of rows of tensors; of none it is zero. */
export interface RowSource { readonly row: number; readonly from: readonly { readonly of: MemberTensor; readonly row: number }[] }

export interface TensorSpec {
  readonly name: string;
  readonly dtype: StorageType;
  readonly merge: Declared<"Merge">;
  readonly args: ReadonlyMap<string, Value>;
  readonly weights?: readonly Value[];
  readonly members: readonly MemberTensor[];
  readonly base?: MemberTensor;
  readonly at: Span;
}

/** The recipe of one merged tensor; undefined after a report. */
export function mergedTensor(spec: TensorSpec, diagnostics: Diagnostics): MergedTensor | undefined {
  const interpreter = new Interpreter(diagnostics), b = interpreter.builder;
  const all = [...(spec.base ? [spec.base] : []), ...spec.members], made = new Map(all.flatMap((m) => [m, ...(m.fill ?? []).flatMap((f) => f.from.map((x) => x.of))]).flatMap((m) => (m.made ? [[m.source, m.made] as const] : [])));
  const base = spec.base && memberNode(spec.base, b);
  const from = (m: MemberTensor): TensorVal => {
    const node = memberNode(m, b);
    return tensorOf(b, base === undefined ? node : b.sub(node, base), spec.at);
  };
  const merged = runMerge({ merge: spec.merge, args: spec.args, ...soleSpot(spec.name, spec.members.map(from)), stream: spec.name, at: spec.at, ...(spec.weights ? { weights: spec.weights } : {}) }, interpreter);
  if (merged.kind !== "tensor") {
    if (merged.kind !== "poison") diagnostics.report("A0204", { at: spec.at, expected: "tensor", found: merged.kind });
    return undefined;
  }
  const node = base === undefined ? merged.node : b.add(base, merged.node);
  const prepared = made.size > 0 ? { prepared: [...made].map(([source, of]) => ({ source, of })) } : {};
  return { ...finished(spec.name, spec.dtype, node, b), ...prepared };
}

/** The graph of one output, with its shape; sizes are those of files, so they are known. */
export function finished(name: string, dtype: StorageType, node: NodeId, b: GraphBuilder): MergedTensor {
  const graph = b.finish([{ name: "merged", node }]);
  const out = graph.outputs[0]!.node;
  return { name, dtype, graph, node: out, shape: graph.nodes[out]!.type.shape.map((d) => d[0]?.coef ?? 0) };
}

/** A tensor that is copied or only changes its type. */
export function copiedTensor(name: string, dtype: StorageType, member: MemberTensor): MergedTensor {
  const b = new GraphBuilder();
  return finished(name, dtype, memberNode(member, b), b);
}

function memberNode(m: MemberTensor, b: GraphBuilder): NodeId {
  const whole = paramOf(m, b);
  if (m.rows) return rowsOf(whole, m, b);
  if (!m.cut) return whole;
  return b.slice(b.slice(whole, 0, 0, m.cut[0]), 1, 0, m.cut[1]);
}

const integers: ReadonlySet<StorageType> = new Set(["i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"]);

/** Whether a tensor holds whole numbers. */
export const isIntegral = ({ dtype }: TensorHeader): boolean => integers.has(dtype);

function paramOf({ source, header, made }: MemberTensor, b: GraphBuilder): NodeId {
  return b.param({ source, tensor: header.name, storage: made ? "f32" : header.dtype, shape: header.shape, dtype: isIntegral(header) ? "i32" : "f32" });
}

/** Rows in another order, with rows of other tensors where this one has none. */
function rowsOf(whole: NodeId, m: MemberTensor, b: GraphBuilder): NodeId {
  const { rows = [], fill = [] } = m, width = m.header.shape[1]!, place = new Map<number, number>(), table = [whole];
  // Rows of equal sources are made together.
  const groups = new Map<string, RowSource[]>();
  for (const f of fill) {
    const key = f.from.map((x) => x.of.source).join("\0");
    const known = groups.get(key);
    if (known) known.push(f);
    else groups.set(key, [f]);
  }
  let end = m.header.shape[0]!;
  for (const group of groups.values()) {
    const [{ from } = { from: [] }] = group;
    const parts = from.map((x, i) => b.gather(paramOf(x.of, b), b.constant(group.map((f) => f.from[i]!.row), "i32", [group.length])));
    // Of no source one row of zeros is enough.
    table.push(parts.length === 0 ? b.broadcast(b.scalar(0), [1, width], []) : b.mul(b.scalar(1 / parts.length), parts.reduce((x, y) => b.add(x, y))));
    group.forEach((f, i) => place.set(f.row, parts.length === 0 ? end : end + i));
    end += parts.length === 0 ? 1 : group.length;
  }
  return b.gather(table.length === 1 ? whole : b.concat(table, 0), b.constant(rows.map((r, i) => place.get(i) ?? Math.max(0, r)), "i32", [rows.length]));
}
