/** Method bodies without the rest of the compiler: a small evaluator, a linear site and its numbers. */
import { GraphBuilder } from "../../ir/build.ts";
import { constant } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { Diagnostics } from "../../compiler/diagnostics/diagnostic.ts";
import type { PlacedSite } from "../../compiler/check/method-sites.ts";
import type { PlacedAdapter } from "../../compiler/check/placement.ts";
import { Scope } from "../../compiler/check/scope.ts";
import type { Declared, ModuleInstance, TensorVal, Value } from "../../compiler/check/values.ts";
import type { BodyEvaluator, PortSite } from "../../compiler/elaborate/compose.ts";
import { Gates } from "../../compiler/elaborate/gates.ts";
import { RequestInputs } from "../../compiler/elaborate/request-inputs.ts";
import { parse } from "../../compiler/syntax/build.ts";
import type { Expr } from "../../compiler/syntax/ast.ts";
import { fakeBase, here } from "../check/fake-base.ts";

export const I = 3, O = 4;

export class Bench implements BodyEvaluator {
  readonly builder = new GraphBuilder();
  readonly diagnostics = new Diagnostics();
  readonly module: ModuleInstance = (fakeBase().root.children.get("lm_head") as ModuleInstance);
  readonly site: PortSite;
  readonly request = new RequestInputs(this.builder, this.diagnostics);
  readonly gates = new Gates({ kind: "none", span: here }, { builder: this.builder, diagnostics: this.diagnostics, mask: undefined, run: () => undefined, tensor: (node, because) => this.tensor(node, because), param: () => ({ kind: "none", because: here }) });
  #consts = new Map<NodeId, boolean>();

  /** A map `W [O, I]` with bias, at an input of shape `[N, I]`. */
  constructor(w: readonly number[], bias: readonly number[], rows: number) {
    const b = this.builder;
    const x = b.input("x", "f32", [rows, I]);
    const W = b.constant(w, "f32", [O, I]), c = b.constant(bias, "f32", [O]);
    this.site = { module: this.module, port: "output", input: x, value: b.linear(x, W, c), replaced: () => undefined, map: () => ({ weight: W, bias: c }) };
  }

  unadapted(): Value {
    return this.tensor(this.site.value, here);
  }

  /** An adapter of one method on the site; tensors by parameter, row by row. */
  adapter(name: string, source: string, tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>, args: Readonly<Record<string, number | boolean>> = {}): PlacedAdapter {
    const parsed = parse({ name: "m.adapt", text: `edition 2026\n${source}` });
    const declaration = parsed.value.declarations.find((d) => d.kind === "Method");
    if (!declaration || parsed.diagnostics.length > 0) throw new Error(JSON.stringify(parsed.diagnostics.map((d) => d.code)));
    const scope = new Scope();
    const values = new Map<string, Value>(Object.entries(args).map(([k, v]) => [k, typeof v === "boolean" ? { kind: "bool", value: v, because: here } : { kind: "float", value: v, because: here }]));
    for (const [k, v] of values) scope.set(k, v);
    for (const [k, t] of Object.entries(tensors)) scope.set(k, this.tensor(this.builder.constant(t.data, "f32", t.shape), here));
    const site: PlacedSite = { module: this.module, port: declaration.on.port?.text ?? "output", reads: [], around: new Map(), method: { declaration, home: new Scope() } as Declared<"Method">, scope, args: values, dims: new Map(), params: new Map() };
    return { name, span: here, base: fakeBase(), header: undefined as never, source: name, because: here, sites: [site], replacements: [] };
  }

  requires(): void {
    // Conditions are the interpreter's.
  }
  settled(): Value {
    return { kind: "poison", because: here };
  }
  portsOf(): readonly string[] {
    return [];
  }
  partsOf(): readonly string[] {
    return [];
  }
  bindParams(): void {
    // The tensors are in the scope already.
  }
  tensor(node: NodeId, because: typeof here): TensorVal {
    const t = this.builder.typeOf(node);
    return { kind: "tensor", node, dtype: t.dtype, dims: t.shape.map((dim) => ({ dim, because })), because };
  }
  isConst(node: NodeId): boolean {
    let known = this.#consts.get(node);
    if (known === undefined) {
      const n = this.builder.node(node);
      this.#consts.set(node, (known = n.op !== "input" && n.inputs.every((i) => this.isConst(i))));
    }
    return known;
  }

  evaluate(e: Expr, scope: Scope): Value {
    const b = this.builder, because = e.span;
    const number = (value: number): Value => ({ kind: "float", value, because });
    switch (e.kind) {
      case "Number": return number(e.value);
      case "Parenthesized": return this.evaluate(e.of, scope);
      case "Ref": return scope.lookup(e.name) ?? { kind: "poison", because };
      case "Member": return e.of.kind === "Ref" ? (scope.lookup(`${e.of.name}.${e.name.text}`) ?? { kind: "poison", because }) : { kind: "poison", because };
      case "If": {
        const c = this.evaluate(e.condition, scope);
        return this.evaluate(c.kind === "bool" && c.value ? e.then : e.otherwise, scope);
      }
      case "Unary": {
        const v = this.evaluate(e.of, scope);
        return v.kind === "tensor" ? this.tensor(b.neg(v.node), because) : v.kind === "float" ? number(-v.value) : v;
      }
      case "Call": {
        const v = this.evaluate(e.args[0]!.value, scope);
        const name = e.callee.kind === "Ref" ? e.callee.name : "";
        if (v.kind === "float") return number(Math.sqrt(v.value));
        if (v.kind !== "tensor") return v;
        return this.tensor(name === "transpose" ? b.permute(v.node, [1, 0]) : name === "norm" ? b.sqrt(b.reduce("sum", b.mul(v.node, v.node), [1], true)) : b.tanh(v.node), because);
      }
      case "Binary": {
        const l = this.evaluate(e.left, scope), r = this.evaluate(e.right, scope);
        if (l.kind === "float" && r.kind === "float") return number({ "+": l.value + r.value, "-": l.value - r.value, "*": l.value * r.value, "/": l.value / r.value }[e.op as "+"]);
        const node = (v: Value): NodeId | undefined => (v.kind === "tensor" ? v.node : v.kind === "float" ? b.scalar(v.value) : undefined);
        const x = node(l), y = node(r);
        if (x === undefined || y === undefined) return { kind: "poison", because };
        const op = { "+": "add", "-": "sub", "*": "mul", "/": "div" } as const;
        return this.tensor(e.op === "@" ? b.matmul(x, y) : b.binary(op[e.op as "+"], x, y), because);
      }
      default: return { kind: "poison", because };
    }
  }
}

export const dims = (n: number) => constant(n);
