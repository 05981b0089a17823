/**
 * Rewriting by rules: a builder that offers every node it makes to a table of named rules, and a pass around it.
 *
 * A rule sees a node whose operands are rewritten already and yields another node of the same type, made through the
 * same builder, or nothing. Rules make progress, so rewriting ends; what nobody reads is removed at the end.
 */
import { GraphBuilder } from "../../ir/build.ts";
import type { Graph, Node, NodeId, TensorType } from "../../ir/graph.ts";
import { sameType, showType, type Attrs } from "../../ir/ops.ts";

export interface Rule {
  /** A sentence fragment: what is replaced. */
  readonly name: string;
  /** Ops it looks at. */
  readonly ops: readonly Node["op"][];
  readonly apply: (b: RewriteBuilder, n: Node) => NodeId | undefined;
}

/** Rules may make nodes of nodes of nodes; past this depth nodes stay as they are. */
const depthLimit = 200;

export class RewriteBuilder extends GraphBuilder {
  readonly #rules: ReadonlyMap<string, readonly Rule[]>;
  readonly #replaced = new Map<NodeId, NodeId>();
  readonly #readers = new Map<NodeId, number>();
  readonly #outputs = new Set<NodeId>();
  readonly #otherReaders = new Map<NodeId, Set<string>>();
  readonly fired = new Map<string, number>();
  #depth = 0;

  constructor(graph: Graph, rules: readonly Rule[]) {
    super(graph.dims);
    const table = new Map<string, Rule[]>();
    for (const r of rules) for (const op of r.ops) table.set(op, [...(table.get(op) ?? []), r]);
    this.#rules = table;
  }

  override make(attrs: Attrs, inputs: readonly NodeId[], declared?: TensorType): NodeId {
    const id = super.make(attrs, inputs, declared);
    const known = this.#replaced.get(id);
    if (known !== undefined) return known;
    this.#replaced.set(id, id);
    if (this.#depth >= depthLimit) return id;
    this.#depth++;
    try {
      const better = this.#rewrite(this.node(id));
      this.#replaced.set(id, better);
      return better;
    } finally {
      this.#depth--;
    }
  }

  #rewrite(n: Node): NodeId {
    for (const rule of this.#rules.get(n.op) ?? []) {
      const to = this.at(n.origin, () => rule.apply(this, n));
      if (to === undefined || to === n.id) continue;
      if (!sameType(this.typeOf(to), n.type))
        throw new Error(`rule "${rule.name}" made ${showType(this.typeOf(to))} of ${n.op}: ${showType(n.type)}`);
      this.fired.set(rule.name, (this.fired.get(rule.name) ?? 0) + 1);
      return to;
    }
    return n.id;
  }

  /** Readers in the graph being rewritten, outputs included; a node that a rule made counts one. */
  readersOf(id: NodeId): number {
    return this.#readers.get(id) ?? 1;
  }
  /** Ops that read the value in the graph being rewritten. */
  readingOps(id: NodeId): ReadonlySet<string> {
    return this.#otherReaders.get(id) ?? new Set();
  }
  isOutput(id: NodeId): boolean {
    return this.#outputs.has(id);
  }

  /** Copies a whole graph through the rules. */
  rewrite(graph: Graph): Graph {
    const readers: Node[][] = graph.nodes.map(() => []);
    for (const n of graph.nodes) for (const i of new Set(n.inputs)) readers[i]!.push(n);
    const outputs = new Set(graph.outputs.map((o) => o.node));
    const to: NodeId[] = [];
    for (const n of graph.nodes) {
      const id = this.copy(n, n.inputs.map((i) => to[i]!));
      to.push(id);
      this.#readers.set(id, (this.#readers.get(id) ?? 0) + readers[n.id]!.length + (outputs.has(n.id) ? 1 : 0));
      this.#otherReaders.set(id, new Set([...this.readingOps(id), ...readers[n.id]!.map((r) => r.op)]));
      if (outputs.has(n.id)) this.#outputs.add(id);
    }
    const made = this.finish(graph.outputs.map((o) => ({ name: o.name, node: to[o.node]! })));
    const assertions = [...(graph.assertions ?? [])];
    return { dims: graph.dims, nodes: made.nodes, outputs: made.outputs, ...(assertions.length ? { assertions } : {}) };
  }
}

/** Applies the rules until none fires, at most `rounds` times. */
export function rewriteWith(graph: Graph, rules: readonly Rule[], rounds = 4): Graph {
  for (let i = 0; i < rounds; i++) {
    const builder = new RewriteBuilder(graph, rules);
    graph = builder.rewrite(graph);
    if (builder.fired.size === 0) break;
  }
  return graph;
}

