/**
 * Inputs of a program (`input w: Float 0..=1`) in the graph of one model: each is made when something first reads it.
 *
 * Keys (`Int`, `Bool`, `String`) are i32 `[B]`, a number a row; `Float` and `Simplex` are f32 of their declared dims. `B` is
 * the batch of the architecture, the first dim of its first input.
 */
import { constant, equal, named, type Dim } from "../../ir/dim.ts";
import type { GraphBuilder } from "../../ir/build.ts";
import type { NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { InputDomain } from "../../ir/domain.ts";
import type { Span } from "../base/source.ts";
import { rangeText } from "../check/arguments.ts";
import type { InputDim, ProgramInput } from "../check/inputs.ts";
import type { ComputedWeight, Weight } from "../check/weights.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { ModelInput } from "./model.ts";

export class RequestInputs {
  private readonly known = new Map<ProgramInput, NodeId>();
  private readonly builder: GraphBuilder;
  private readonly diagnostics: Diagnostics;

  constructor(builder: GraphBuilder, diagnostics: Diagnostics) {
    this.builder = builder;
    this.diagnostics = diagnostics;
  }

  /** Inputs that something read, as the plan lists them. */
  get used(): readonly ModelInput[] {
    return [...this.known].map(([input, node]) => {
      const { dtype, shape } = this.builder.typeOf(node);
      const domain = domainOf(input);
      return { name: input.name, dtype, shape, ...(domain ? { domain } : {}) };
    });
  }

  /** The input's node; undefined after a report. */
  node(input: ProgramInput): NodeId | undefined {
    const known = this.known.get(input);
    if (known !== undefined) return known;
    const isKey = !("dims" in input.type);
    const dims = "dims" in input.type ? input.type.dims.map((d, axis) => this.dim(d, axis, input)) : [this.batch];
    if (dims.some((d) => d === undefined)) return undefined;
    const made = this.builder.input(input.name, isKey || input.type.kind === "tokens" ? "i32" : "f32", dims as readonly Dim[]);
    this.known.set(input, made);
    return made;
  }

  /** A weight as f32: a scalar, or `[B]` where it differs between rows. Undefined after a report. */
  weight(w: Weight): NodeId | undefined {
    if (typeof w === "number") return this.builder.scalar(w);
    return w.kind === "input" ? this.component(w) : this.arithmetic(w);
  }

  /** A value times a weight; a weight of each row scales the rows of the value's first axis. Undefined after a report. */
  scaled(value: NodeId, weight: NodeId, at: Span): NodeId | undefined {
    const { builder: b } = this;
    if (b.rankOf(weight) === 0) return b.mul(value, weight);
    const shape = b.shapeOf(value), [rows] = b.shapeOf(weight);
    if (shape[0] && rows && equal(shape[0], rows)) return b.mul(value, b.broadcast(weight, shape, [0]));
    this.diagnostics.report("A0207", { at, expected: `[${showShape(b.shapeOf(weight)).slice(1, -1)}, ..]`, found: showShape(shape), body: "A weight of each row acts on values that have the batch as their first dim; here is a value that all rows share." });
    return undefined;
  }

  private get batch(): Dim | undefined {
    const first = this.builder.dims.find((d) => d.from.kind === "input" && d.from.axis === 0);
    return first && named(first.name);
  }

  private dim(d: InputDim, axis: number, input: ProgramInput): Dim | undefined {
    if (typeof d === "number") return constant(d);
    if (d === "B") return this.batch;
    if (this.builder.dims.some((known) => known.name === d)) return named(d);
    if (input.type.kind === "tokens") {
      this.builder.bindDim({ name: d, from: { kind: "input", input: input.name, axis } });
      return named(d);
    }
    this.diagnostics.report("A0105", { at: input.because, name: d, what: "dim of the model's inputs", candidates: ["B", ...this.builder.dims.map((known) => known.name)] });
    return undefined;
  }

  private component(w: Extract<ComputedWeight, { kind: "input" }>): NodeId | undefined {
    const { builder: b } = this;
    const node = this.node(w.input);
    if (node === undefined) return undefined;
    const value = b.cast(node, "f32");
    if (w.index === undefined) return value;
    const last = b.rankOf(value) - 1;
    return b.reshape(b.slice(value, last, constant(w.index), constant(1)), b.shapeOf(value).slice(0, last));
  }

  private arithmetic(w: Extract<ComputedWeight, { kind: "binary" }>): NodeId | undefined {
    const left = this.weight(w.left), right = this.weight(w.right);
    if (left === undefined || right === undefined) return undefined;
    const op = ({ "+": "add", "-": "sub", "*": "mul", "/": "div" } as const)[w.op];
    return this.builder.binary(op, left, right);
  }
}

function domainOf({ type, values, closed }: ProgramInput): InputDomain | undefined {
  switch (type.kind) {
    // Which numbers are tokens says the table they look up.
    case "tokens": return undefined;
    case "simplex": return { kind: "simplex" };
    case "bool": return { kind: "bool" };
    case "text": return { kind: "text", values: [...values], closed };
    default: {
      const range = type.range ?? { inclusive: false };
      return { kind: "range", ...range, whole: type.kind === "int", expected: range.from === undefined && range.to === undefined ? "a number" : rangeText(range) };
    }
  }
}
