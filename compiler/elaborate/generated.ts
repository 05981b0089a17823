/**
 * What a generator makes (semantics.md, section 7): its equations run once for each site and keys, and every parameter of the
 * method it is for is checked against the shape that the site gives it. With known keys all of it is const, computed when the
 * model is loaded; a key that a base computes is computed once a run, by the base without adapters.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import { sameShape, showShape } from "../../ir/ops.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Expr } from "../syntax/ast.ts";
import type { Generation, KeyReads } from "../check/generators.ts";
import type { ProgramInput } from "../check/inputs.ts";
import type { Scope } from "../check/scope.ts";
import { describe, poison, type TensorVal, type Value } from "../check/values.ts";
import type { Placement } from "./adapters.ts";
import { tensorOf } from "./operators.ts";
import { runBody } from "./statements.ts";

/** What generating needs of the interpreter. */
export interface GeneratorRunner {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostics;
  readonly generations: Generations;
  /** What stands on modules; a generator's own calls are without it. */
  placement: Placement | undefined;
  /** Set while what runs is no part of the sequence that calls continue. */
  apart: boolean;
  /** The node of an input of the program; undefined after a report. */
  inputNode: ((input: ProgramInput) => NodeId | undefined) | undefined;
  evaluate(e: Expr, scope: Scope): Value;
}

/** What was generated in one graph. */
export class Generations {
  private readonly made = new Map<Generation, ReadonlyMap<string, Value>>();
  private readonly keys = new Map<Expr, Value>();

  /** One parameter of a generation; `poison` after a report. */
  part(generation: Generation, part: string, runner: GeneratorRunner): Value {
    let all = this.made.get(generation);
    if (!all) this.made.set(generation, (all = this.run(generation, runner)));
    return all.get(part) ?? poison(generation.at);
  }

  private run(generation: Generation, runner: GeneratorRunner): ReadonlyMap<string, Value> {
    const { declared: { declaration }, module, computed, wanted } = generation, { builder: b, diagnostics } = runner;
    const out = new Map<string, Value>(), scope = generation.scope.child();
    const name = declaration.on!.name.text;
    const set = (target: Expr, value: Value, e: Expr, delta: boolean): void => {
      const part = partOf(target, name);
      if (part === undefined && target.kind === "Ref" && !delta) return scope.set(target.name, value);
      if (part === undefined || delta || !wanted.has(part)) return diagnostics.report("A0218", { at: target.span, name: textOf(target.span), body: `The method has ${[...wanted.keys()].map((w) => `\`${name}.${w}\``).join(", ")} here.` });
      out.set(part, this.checked(value, part, e.span, generation, runner));
    };
    const before = runner.placement;
    runner.placement = undefined;
    runner.apart = true;
    const origin = { module: module.key, file: declaration.span.file.name, start: declaration.span.start, end: declaration.span.end };
    b.at(origin, () => {
      for (const [name, p] of generation.params) scope.set(name, fileParam(b, generation.source, p));
      for (const [name, key] of computed) scope.set(name, this.key(key.expr, key.reads, runner));
      runBody(declaration.body.statements, {
        diagnostics, scope, evaluate: (e) => runner.evaluate(e, scope),
        equation: (s) => {
          const values = s.values.map((e) => runner.evaluate(e, scope)), [first] = values;
          // One list sets as many parameters as it has items.
          const items = values.length === 1 && s.targets.length > 1 && first?.kind === "list" ? first.items : values;
          s.targets.forEach((target, i) => set(target, items[i] ?? poison(s.span), s.values[i] ?? s.values[0]!, s.delta));
        },
      });
    });
    runner.placement = before;
    runner.apart = false;
    const absent = [...wanted.keys()].find((w) => !out.has(w));
    if (absent !== undefined) diagnostics.report("A0219", { at: declaration.name.span, name: `${name}.${absent}`, what: "the generator" });
    return out;
  }

  private checked(value: Value, part: string, at: Span, { wanted, module }: Generation, { builder: b, diagnostics }: GeneratorRunner): Value {
    const { dims, declared } = wanted.get(part)!;
    if (value.kind === "poison") return value;
    if (value.kind !== "tensor") return diagnostics.report("A0204", { at, expected: "tensor", found: describe(value) }), poison(at);
    const found = b.shapeOf(value.node), want = dims.map((d) => d.dim);
    if (sameShape(found, want)) return { ...value, dims, because: declared };
    diagnostics.report("A0413", { at, part, site: module.path || "the base", expected: showShape(want), found: showShape(found), declared });
    return poison(at);
  }

  /** A key that the run computes: modules of bases called on inputs of the program. */
  private key(e: Expr, reads: KeyReads, runner: GeneratorRunner): Value {
    const known = this.keys.get(e);
    if (known) return known;
    const scope = reads.home.child(), { builder: b } = runner;
    for (const [name, base] of reads.bases) scope.set(name, { kind: "module", module: base.root, because: base.because });
    for (const [name, input] of reads.inputs)
      scope.set(name, { kind: "lazy", because: input.because, force: () => { const n = runner.inputNode?.(input); return n === undefined ? poison(e.span) : tensorOf(b, n, input.because); } });
    const value = runner.evaluate(e, scope);
    // While a text is continued the key stays what it was.
    const sequence = b.dims.some((d) => d.from.kind === "past");
    const held = value.kind === "tensor" && sequence ? { ...value, node: b.keep(value.node, `generator.${this.keys.size}`) } : value;
    this.keys.set(e, held);
    return held;
  }
}

/** A parameter as its file holds it. */
export function fileParam(b: GraphBuilder, source: string, p: Generation["params"] extends ReadonlyMap<string, infer P> ? P : never): Value {
  if (p.kind === "module") return { kind: "module", module: p.module, because: p.module.because };
  const dtype = p.whole ? "i32" as const : "f32" as const;
  const node = b.param({ source, tensor: p.header.name, storage: p.header.dtype, dtype, shape: p.dims.map((d) => d.dim) });
  return { kind: "tensor", node, dtype, dims: p.dims, because: p.because } satisfies TensorVal;
}

/** `m.down.weight` without the name it begins with. */
function partOf(target: Expr, name: string): string | undefined {
  if (target.kind !== "Member") return undefined;
  if (target.of.kind === "Ref") return target.of.name === name ? target.name.text : undefined;
  const of = partOf(target.of, name);
  return of === undefined ? undefined : `${of}.${target.name.text}`;
}

const textOf = (at: Span): string => at.file.text.slice(at.start, at.end);
