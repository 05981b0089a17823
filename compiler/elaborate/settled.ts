/**
 * Values of ports after every adapter on them, for adapters that read one place and write another.
 *
 * Rules run in the order of their text, so a port may be read before the run comes to it. Then the read yields nothing, the rules
 * run again over the same nodes, and the value of the run before is taken; a run settles when what it took is what it then
 * computes. A read that depends on its own write never settles: a cycle.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { ModuleInstance, Value } from "../check/values.ts";

interface Late { readonly module: ModuleInstance; readonly port: string; readonly at: Span; readonly reader: PlacedSite; readonly nodes: readonly NodeId[] | undefined }

export class SettledPorts {
  private readonly values = new Map<ModuleInstance, Map<string, Value>>();
  private readonly parts = new Map<ModuleInstance, Map<string, readonly string[]>>();
  /** Ports the run at hand has come to. */
  private fresh = new Set<Value>();
  private late: Late[] = [];
  private readonly everLate = new Set<string>();
  private lastLate: Late | undefined;
  private readonly context: { readonly builder: GraphBuilder; readonly diagnostics: Diagnostics };

  constructor(context: { readonly builder: GraphBuilder; readonly diagnostics: Diagnostics }) {
    this.context = context;
  }

  settle(module: ModuleInstance, port: string, value: Value, parts: readonly string[] = []): Value {
    if (!this.values.has(module)) this.values.set(module, new Map()), this.parts.set(module, new Map());
    this.values.get(module)!.set(port, value);
    if (parts.length > 0) this.parts.get(module)!.set(port, parts);
    this.fresh.add(value);
    return value;
  }

  read(module: ModuleInstance, port: string, at: Span, reader: PlacedSite): Value {
    const known = this.values.get(module)?.get(port);
    if (known && this.fresh.has(known)) return known;
    this.late.push({ module, port, at, reader, nodes: known && nodesOf(known) });
    this.everLate.add(`${module.key} ${port}`);
    return known ?? { kind: "poison", because: at };
  }

  /** The value of a port in the latest run. */
  valueOf(module: ModuleInstance, port: string): Value | undefined {
    return this.values.get(module)?.get(port);
  }

  /** Ports of a module that its rule names, those of a run before included. */
  namesOf(module: ModuleInstance): readonly string[] {
    const own = module.declared?.declaration.body.statements.some((s) => s.kind === "ForwardStmt") ? [...(this.values.get(module)?.keys() ?? [])] : [];
    return [...new Set(["input", ...own])];
  }

  partsOf(module: ModuleInstance, port: string): readonly string[] {
    return this.parts.get(module)?.get(port) ?? [];
  }

  get lateReads(): number {
    return this.everLate.size;
  }

  /** Did the run take a value that it then computed differently, or none? Begins the next run. */
  unsettled(): boolean {
    const wrong = this.late.find((l) => {
      const now = this.values.get(l.module)?.get(l.port);
      return !l.nodes || !now || nodesOf(now).join() !== l.nodes.join();
    });
    this.lastLate = wrong;
    this.fresh = new Set();
    this.late = [];
    return wrong !== undefined;
  }

  /** The read that depends on its own write, with the modules on the way from one to the other. */
  reportCycle(): void {
    const { lastLate: late } = this;
    if (!late) return;
    const from = this.values.get(late.reader.module)?.get(late.reader.port), to = this.values.get(late.module)?.get(late.port);
    const write = name(late.reader.module, late.reader.port), read = name(late.module, late.port);
    const way = from && to ? this.way(nodesOf(from), nodesOf(to)) : [];
    this.context.diagnostics.report("A0307", { at: late.at, cycle: [...new Set([write, ...way, read]), write], write: late.reader.method.declaration.on.span });
  }

  /** Modules between two values, each once, nearest the written one first. */
  private way(from: readonly NodeId[], to: readonly NodeId[]): readonly string[] {
    const { builder } = this.context;
    const next = new Map<NodeId, NodeId>();
    const queue = [...to];
    const goal = new Set(from);
    for (let i = 0; i < queue.length; i++) {
      const at = queue[i]!;
      if (goal.has(at)) {
        const out: string[] = [];
        for (let n: NodeId | undefined = at; n !== undefined; n = next.get(n)) {
          const module = builder.node(n).origin?.module;
          if (module && out.at(-1) !== module) out.push(module);
        }
        return out;
      }
      for (const input of builder.node(at).inputs) if (!next.has(input) && !to.includes(input)) next.set(input, at), queue.push(input);
    }
    return [];
  }
}

const name = (module: ModuleInstance, port: string): string => `${port} of ${module.path || "the base"}`;

const nodesOf = (v: Value): readonly NodeId[] => (v.kind === "tensor" ? [v.node] : v.kind === "list" ? v.items.flatMap(nodesOf) : []);

/** Names of the results of a module's forward rule, where there are several. */
export function resultNames(module: ModuleInstance): readonly string[] {
  const rule = module.declared?.declaration.body.statements.find((s) => s.kind === "ForwardStmt" && s.name.text === "forward");
  return rule?.kind === "ForwardStmt" && rule.results.length > 1 ? rule.results.map((r) => r.name.text) : [];
}
