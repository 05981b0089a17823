/** What a well-formed graph is: a list of plain messages, empty when nothing is wrong. */
import * as dim from "./dim.ts";
import type { Graph, Node, TensorType } from "./graph.ts";
import { attrsOf, Checks, inferType, isState, opNames, showType } from "./ops.ts";

/** Ids count from 0, operands come first, types follow from the ops' rows, and every name is bound once. */
export function verify(graph: Graph): string[] {
  const problems: string[] = [];
  const bound = new Set(graph.dims.map((d) => d.name));
  if (bound.size !== graph.dims.length) problems.push("a dim is bound twice");
  graph.nodes.forEach((n, at) => {
    const where = `%${at} (${n.op})`;
    for (const p of verifyNode(graph, n, at)) problems.push(`${where}: ${p}`);
    for (const name of namesIn(n)) if (!bound.has(name)) problems.push(`${where}: dim ${name} is bound by nothing`);
  });
  return [...problems, ...verifyNames(graph), ...verifyOutputs(graph)];
}

/** Throws when a graph is not well formed: a bug of whoever made it. */
export function assertWellFormed(graph: Graph, after: string): void {
  const problems = verify(graph);
  if (problems.length) throw new Error(`the graph after ${after} is not well formed:\n  ${problems.slice(0, 10).join("\n  ")}`);
}

function verifyNode(graph: Graph, n: Node, at: number): string[] {
  if (n.id !== at) return [`has id ${n.id}`];
  if (!opNames.includes(n.op)) return ["is no op"];
  const late = n.inputs.find((i) => !(i >= 0 && i < at));
  if (late !== undefined) return [`reads %${late}, which does not come before it`];
  const inferred = inferType(attrsOf(n), n.inputs.map((i) => graph.nodes[i]!.type), new Checks(), n.type);
  if (typeof inferred === "string") return [inferred];
  return fits(inferred, n.type) ? [] : [`has type ${showType(n.type)}, its op yields ${showType(inferred)}`];
}

/** Dims that are equal, or may be at run time. */
function fits(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => dim.compareEqual(d, b.shape[i]!) !== "no");
}

function namesIn(n: Node): Set<string> {
  const names = new Set<string>();
  for (const d of n.type.shape) dim.names(d, names);
  if (n.op === "dim") dim.names(n.dim, names);
  if (n.op === "slice") dim.names(n.start, names);
  if (n.op === "pad") dim.names(n.before, names), dim.names(n.after, names);
  return names;
}

function verifyNames(graph: Graph): string[] {
  const problems: string[] = [];
  const inputs = new Map<string, Node>();
  const states = new Map<string, Node>();
  for (const n of graph.nodes) {
    const [map, name] = n.op === "input" ? [inputs, n.name] : isState(n) ? [states, n.state] : [undefined, ""];
    const first = map?.get(name);
    if (first) problems.push(`%${first.id} and %${n.id} are both ${n.op === "input" ? "input" : "state"} ${name}`);
    else map?.set(name, n);
  }
  for (const d of graph.dims) {
    if (d.from.kind !== "input") continue;
    const t = inputs.get(d.from.input)?.type;
    if (t && d.from.axis >= t.shape.length) problems.push(`dim ${d.name} is axis ${d.from.axis} of ${d.from.input}: ${showType(t)}`);
  }
  return problems;
}

function verifyOutputs(graph: Graph): string[] {
  const seen = new Set<string>();
  return graph.outputs.flatMap((o) => {
    const twice = seen.has(o.name);
    seen.add(o.name);
    return [
      ...(twice ? [`there are two outputs ${o.name}`] : []),
      ...(graph.nodes[o.node] ? [] : [`output ${o.name} is %${o.node}, which does not exist`]),
    ];
  });
}
