/**
 * What a method's equations allow, found by one abstract interpretation of its body (semantics.md, section 3).
 *
 * Every expression gets a degree in each value it reads, the structure of its linear part, a bound on the rank of a
 * matrix, the rate at which its coefficients change and the rows it reads. The verdicts follow from the equation
 * `y' = P y + Q x + c` of each written port. A verdict carries the expression that decides it.
 */
import * as dim from "../../ir/dim.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Span, Witnessed } from "../base/source.ts";
import type { Argument, Binder, Block, DeclarationOf, Expr, IndexItem, Statement, TypeExpr } from "../syntax/ast.ts";
import { bindsParams } from "./method-binding.ts";
import { abstractCall, overRows, Facts, zeroFacts, join, type Degree, type Form, type Rate, type Reach } from "./property-lattice.ts";

export type MethodDecl = DeclarationOf<"Method">;

/** The verdicts on one method, or on one placement of it when its arguments are given. */
export interface MethodProperties {
  /** The effect on a linear map is again a linear map, the same for every token. */
  readonly foldable: Witnessed<"static" | "request" | false>;
  /** The effect does not read what it writes. */
  readonly additive: Witnessed<boolean>;
  /** The delta factors with this inner size. */
  readonly lowRank: Witnessed<Dim | false>;
  readonly inputDependent: Witnessed<boolean>;
  /** Rows of one batch may use different adapters. */
  readonly batchable: Witnessed<boolean>;
  /** What the method does to the value it rewrites, when it adds nothing else. */
  readonly structure: Form | undefined;
  /** Does it add something that reads nothing, such as a bias? */
  readonly shifts: boolean;
  /** The ports that are written: `weight`, `bias`, `out`, or the bound port. */
  readonly writes: readonly string[];
}

export interface PropertyContext {
  /** Arguments and dims where they are known; parameters and dims not in here stay symbolic. */
  readonly args?: ReadonlyMap<string, unknown>;
  readonly dims?: ReadonlyMap<string, Dim>;
  /** `reading` binders that read the written module's own input. */
  readonly ownInput?: ReadonlySet<string>;
  /** Library functions, so that their bodies can be read. */
  readonly functionOf?: (name: string) => DeclarationOf<"Function"> | undefined;
}

export function inferProperties(method: MethodDecl, context: PropertyContext = {}): MethodProperties {
  const reader = new Interpreter(method, context);
  reader.block(method.body);
  return reader.verdicts();
}

/** Functions of a value along one axis, which is their second argument. */
const alongAxes: ReadonlySet<string> = new Set(["sum", "mean", "max", "softmax", "argmax", "cumsum"]);

/** One equation: the port it writes and the abstract value it gives it. */
interface Equation {
  readonly port: string;
  readonly kind: "delta" | "replace" | "value";
  readonly value: Facts;
  readonly span: Span;
}

class Interpreter {
  private readonly env = new Map<string, Facts>();
  private readonly equations: Equation[] = [];
  private readonly known: Map<string, unknown>;
  private depth = 0;
  /** The first place where rows are added to a value. */
  private joins: Span | undefined;
  private readonly method: MethodDecl;
  private readonly context: PropertyContext;

  constructor(method: MethodDecl, context: PropertyContext) {
    this.method = method;
    this.context = context;
    this.known = new Map(context.args ?? []);
    for (const p of method.params) {
      const literal = this.known.has(p.name.text) ? undefined : p.default && constantOf(p.default, this.known);
      if (literal !== undefined && context.args) this.known.set(p.name.text, literal);
      this.env.set(p.name.text, { ...zeroFacts(p.span), shape: [] });
    }
    this.bind(method.on, true);
    for (const r of method.reading) this.bind(r, false);
    // What other adapters make of the value is read through the name of all of them.
    if (method.over) this.env.set(method.over.members.text, read(`foreign ${method.over.members.text}`, method.over.members.span));
  }

  /** `written` binders may be read at their current value; others are foreign reads. */
  private bind(binder: Binder, written: boolean): void {
    const name = binder.name.text;
    const isMap = binder.port === undefined && isLinearType(binder.type);
    if (isMap && written) {
      this.env.set(name, { ...read("weight", binder.span), shape: mapShape(binder.type, this.context) });
      this.env.set(`${name}.bias`, { ...read("bias", binder.span) });
      this.env.set(`${name}.in`, read("in", binder.span));
      this.env.set(`${name}.out`, read("out", binder.span));
    } else if (bindsParams(binder) && written) {
      for (const param of ["weight", "bias"]) this.env.set(`${name}.${param}`, read(param, binder.span));
    } else this.env.set(name, read(written ? "out" : this.context.ownInput?.has(name) ? "in" : `foreign ${name}`, binder.span));
  }

  block(block: Block): void {
    for (const s of block.statements) this.statement(s);
  }

  private statement(s: Statement): void {
    switch (s.kind) {
      case "ParamStmt":
        this.env.set(s.name.text, s.type.kind === "ShapeType"
          ? { ...zeroFacts(s.span), shape: shapeOf(s.type, this.context) }
          : { ...zeroFacts(s.span), module: s.type.name.text });
        return;
      case "LetStmt": {
        const value = this.expr(s.value);
        if (s.names.length === 1) {
          const literal = constantOf(s.value, this.known);
          if (literal !== undefined) this.known.set(s.names[0]!.text, literal);
        }
        for (const name of s.names) this.env.set(name.text, value);
        return;
      }
      case "AssignStmt":
        s.targets.forEach((target, i) => this.assign(target, s.values[i] ?? s.values[0]!, s.delta));
        return;
      case "IfStmt": {
        const condition = constantOf(s.condition, this.known);
        if (condition === true) this.block(s.then);
        else if (condition === false) s.otherwise && this.block(s.otherwise);
        else {
          this.block(s.then);
          if (s.otherwise) this.block(s.otherwise);
        }
        return;
      }
      case "ForStmt":
        for (const name of s.names) this.env.set(name.text, zeroFacts(s.span));
        this.block(s.body);
        return;
      case "ClauseStmt":
        if (s.word.text === "port" && s.operands[0]?.kind === "Ref" && s.value) this.env.set(s.operands[0].name, this.expr(s.value));
        return;
      default:
        return;
    }
  }

  private assign(target: Expr, value: Expr, delta: boolean): void {
    const facts = this.expr(value);
    const bound = this.method.on;
    if (target.kind === "Ref" && target.name !== bound.name.text) return void this.env.set(target.name, facts);
    const named = bound.port !== undefined && bound.port.text !== "input" && bound.port.text !== "output" ? bound.port.text : "out";
    const port = target.kind === "Member" ? target.name.text : isLinearType(bound.type) && bound.port === undefined ? "weight" : named;
    const kind = port === "weight" || port === "bias" ? (delta ? "delta" : "replace") : "value";
    this.equations.push({ port, kind, value: facts, span: value.span });
  }

  expr(e: Expr): Facts {
    switch (e.kind) {
      case "Ref":
        return this.env.get(e.name) ?? { ...zeroFacts(e.span), ...(this.isDim(e.name) ? { shape: [] } : {}) };
      case "Number": case "Bool": case "String": case "None":
        return { ...zeroFacts(e.span), shape: [] };
      case "Parenthesized":
        return this.expr(e.of);
      case "Member": {
        const path = pathOf(e);
        const known = path === undefined ? undefined : this.env.get(path);
        // Another port or a member of the module whose value is bound, or a part of that value.
        const { on } = this.method;
        if (!known && path !== undefined && path.startsWith(`${on.name.text}.`) && !(on.port === undefined && isLinearType(on.type))) return read(`foreign ${path}`, e.span);
        return known ?? (path?.endsWith(".weight") ? this.env.get(path.slice(0, -".weight".length)) : undefined) ?? this.expr(e.of);
      }
      case "Unary":
        return e.op === "-" ? this.expr(e.of) : this.opaque(e.span, [this.expr(e.of)]);
      case "Binary":
        return this.binary(e);
      case "If": {
        const condition = constantOf(e.condition, this.known);
        if (condition === true) return this.expr(e.then);
        if (condition === false) return this.expr(e.otherwise);
        const c = this.expr(e.condition);
        const either = join(this.expr(e.then), this.expr(e.otherwise), e.span);
        return c.deg.size === 0 ? either : this.opaque(e.condition.span, [c, either]);
      }
      case "Call":
        return this.call(e.callee, e.args, e.span);
      case "Index": {
        const of = this.expr(e.of);
        return { ...of, shape: of.shape && partShape(of.shape, e.items, this.context), rank: undefined };
      }
      case "Join": {
        // Rows are added: no value of the same shape comes out.
        const all = e.items.map((i) => this.expr(i)).reduce((a, b) => join(a, b, e.span), zeroFacts(e.span));
        this.joins ??= e.span;
        return { ...all, shape: undefined, forms: new Map([...all.forms].map(([k]) => [k, "dense" as Form])) };
      }
      case "List":
        return e.items.map((i) => this.expr(i)).reduce((a, b) => ({ ...join(a, b, e.span), shape: undefined }), zeroFacts(e.span));
      case "Where":
        return this.opaque(e.span, [this.expr(e.of), this.expr(e.mask)]);
      default:
        return this.opaque(e.span, []);
    }
  }

  private binary(e: Extract<Expr, { kind: "Binary" }>): Facts {
    const a = this.expr(e.left), b = this.expr(e.right);
    switch (e.op) {
      case "+": case "-":
        return Facts.add(a, b, e.span);
      case "*":
        return Facts.multiply(a, b, e.span);
      case "/":
        return b.deg.size === 0 ? Facts.multiply(a, b, e.span) : this.opaque(e.span, [a, b]);
      case "@":
        return Facts.product(a, b, e.span);
      default:
        return this.opaque(e.span, [a, b]);
    }
  }

  private call(callee: Expr, args: readonly Argument[], span: Span): Facts {
    const values = args.map((a) => this.expr(a.value));
    const name = callee.kind === "Ref" ? callee.name : callee.kind === "Member" ? callee.name.text : "";
    // A module parameter applied to a value: a Linear is an affine map of it, anything else is opaque.
    const module = this.env.get(name)?.module;
    if (module !== undefined) return module === "Linear" ? Facts.affineMap(values[0] ?? zeroFacts(span), span) : this.opaque(span, values);
    if (callee.kind === "Ref" && this.known.has(name)) return this.opaque(span, values); // an activation given as an argument
    const along = args.find((a) => a.name?.text === "axis") ?? args[1];
    const axis = alongAxes.has(name) && along ? constantOf(along.value, this.known) : undefined;
    if (typeof axis === "number" && axis >= 0 && values[0] && values[0].deg.size > 0 && !values[0].deg.has("weight")) {
      const of = name === "sum" || name === "mean" ? values[0] : this.opaque(span, [values[0]]);
      return overRows({ ...of, shape: undefined, rank: undefined, span }, axis);
    }
    const sizes = (name === "reshape" || name === "expand") && args[1]?.value.kind === "List" ? args[1].value.items.map((i) => dimOf(i, this.context)) : undefined;
    if (sizes && values[0]?.deg.size === 0) return { ...values[0], shape: sizes.every((d) => d !== undefined) ? (sizes as Dim[]) : undefined, rank: undefined, span };
    const declared = callee.kind === "Ref" ? this.context.functionOf?.(name) : undefined;
    if (declared?.value && !declared.extern && this.depth < 20) {
      const shadowed = declared.params.map((p, i) => [p.name.text, this.env.get(p.name.text), values[i]] as const);
      for (const [p, , v] of shadowed) if (v) this.env.set(p, v);
      this.depth++;
      const found = this.expr(declared.value);
      this.depth--;
      for (const [p, before] of shadowed) before ? this.env.set(p, before) : this.env.delete(p);
      // The reason must lie in the user's method, not inside the function.
      return found.witness === undefined ? found : { ...found, witness: span };
    }
    return abstractCall(name, values, span) ?? this.opaque(span, values);
  }

  private opaque(span: Span, of: readonly Facts[]): Facts {
    return Facts.nonlinear(of, span);
  }

  private isDim(name: string): boolean {
    return this.context.dims?.has(name) ?? /^[A-Z]$/.test(name);
  }

  verdicts(): MethodProperties {
    const all = this.equations;
    const span = all[0]?.span ?? this.method.span;
    const witness = <T>(value: T, because?: Span): Witnessed<T> => ({ value, because: because ?? span });
    const own = (f: Facts): readonly [string, Degree][] => [...f.deg].filter(([name]) => name !== "weight" && name !== "bias");

    // What a new weight reads of the old one is known before anything runs, however it reads it.
    const nonlinear = all.find((q) => (q.kind === "value" ? [...q.value.deg] : own(q.value)).some(([, d]) => d === "nonlinear") || (q.kind !== "value" && own(q.value).length > 0));
    const foreign = all.find((q) => [...q.value.deg.keys()].some((n) => n.startsWith("foreign ")));
    const far = all.find((q) => q.value.reach !== "own");
    const fast = all.find((q) => q.value.rate !== "static" && q.value.rate !== "request");
    const dependent = nonlinear ?? far ?? fast;
    const because = dependent && (dependent.value.witness ?? dependent.span);
    const slow: Rate = all.some((q) => q.value.rate === "request") ? "request" : "static";

    const readsOwn = all.find((q) => (q.kind === "value" ? !isPlusOwn(q.value) : q.kind === "replace" || q.value.deg.has("weight")));
    const batch = all.find((q) => q.value.reach === "batch");
    const rank = lowRankOf(all);
    const { on } = this.method;
    // Only at a map is there a weight to fold into.
    const onPort = on.port === undefined || on.port.text === "input" || on.port.text === "output" ? on.port !== undefined || isLinearType(on.type) || bindsParams(on) : false;
    return {
      foldable: dependent ? witness(false as const, because) : foreign ? witness(false as const, foreign.span)
        : onPort ? witness(slow as "static" | "request") : witness(false as const, on.span),
      additive: readsOwn ? witness(false, readsOwn.value.witness ?? readsOwn.span) : witness(true),
      lowRank: rank && !dependent ? witness<Dim | false>(rank.value, rank.because) : witness<Dim | false>(false, because),
      inputDependent: dependent ? witness(true, because) : witness(false),
      batchable: batch ? witness(false, batch.value.witness) : this.joins ? witness(false, this.joins) : witness(true),
      structure: all.length === 1 && all[0]!.kind === "value" ? all[0]!.value.forms.get("out") : undefined,
      shifts: all.some((q) => q.value.constant),
      writes: [...new Set(all.map((q) => q.port))],
    };
  }
}

/** `y + g(x)`: the own value enters as itself and the rest does not read it. */
function isPlusOwn(f: Facts): boolean {
  return f.forms.get("out") === "id" && f.deg.get("out") !== "nonlinear";
}

function lowRankOf(equations: readonly Equation[]): Witnessed<Dim> | undefined {
  let sum: Dim = dim.zero;
  for (const q of equations) {
    if (q.port === "bias") continue;
    if (q.kind !== "delta" || q.value.rank === undefined || q.value.deg.size > 0) return undefined;
    sum = dim.add(sum, q.value.rank);
  }
  return sum.length === 0 ? undefined : { value: sum, because: equations.find((q) => q.port !== "bias")!.span };
}

function read(name: string, span: Span): Facts {
  return { ...zeroFacts(span), deg: new Map([[name, "linear" as Degree]]), forms: new Map([[name, "id" as Form]]), constant: false };
}

const isLinearType = (t: TypeExpr): boolean => t.kind === "NamedType" && t.dims.some((d) => d.arrow);

function mapShape(type: TypeExpr, context: PropertyContext): readonly Dim[] | undefined {
  if (type.kind !== "NamedType" || type.dims.length !== 2) return undefined;
  const [i, o] = type.dims.map((d) => (d.value ? dimOf(d.value, context) : undefined));
  return i && o ? [o, i] : undefined;
}

/** The shape of `x[0..n, *]` where its bounds are dims. */
function partShape(shape: readonly Dim[], items: readonly IndexItem[], context: PropertyContext): readonly Dim[] | undefined {
  if (items.length !== shape.length) return undefined;
  const out: Dim[] = [];
  for (const [i, item] of items.entries()) {
    if (item.kind === "Each") out.push(shape[i]!);
    else if (item.value.kind === "Range") {
      const from = item.value.from ? dimOf(item.value.from, context) : dim.zero, to = item.value.to ? dimOf(item.value.to, context) : shape[i]!;
      if (!from || !to || item.value.inclusive) return undefined;
      out.push(dim.sub(to, from));
    }
  }
  return out;
}

function shapeOf(type: Extract<TypeExpr, { kind: "ShapeType" }>, context: PropertyContext): readonly Dim[] | undefined {
  const dims = type.dims.map((d) => (d.kind === "dim" && d.value ? dimOf(d.value, context) : undefined));
  return dims.every((d) => d !== undefined) ? (dims as Dim[]) : undefined;
}

/** A dim expression as a polynomial; names that have no value stay names. */
function dimOf(e: Expr, context: PropertyContext): Dim | undefined {
  if (e.kind === "Number") return dim.constant(e.value);
  if (e.kind === "Parenthesized") return dimOf(e.of, context);
  if (e.kind === "Ref") {
    const value = context.args?.get(e.name);
    return typeof value === "number" ? dim.constant(value) : (context.dims?.get(e.name) ?? dim.named(e.name));
  }
  if (e.kind !== "Binary") return undefined;
  const a = dimOf(e.left, context), b = dimOf(e.right, context);
  if (!a || !b) return undefined;
  return e.op === "+" ? dim.add(a, b) : e.op === "-" ? dim.sub(a, b) : e.op === "*" ? dim.mul(a, b) : e.op === "/" ? dim.floorDiv(a, b) : undefined;
}

/** The value of an expression of known arguments and literals: what decides an `if`. */
function constantOf(e: Expr, known: ReadonlyMap<string, unknown>): unknown {
  switch (e.kind) {
    case "Number": case "Bool": case "String": return e.value;
    case "Parenthesized": return constantOf(e.of, known);
    case "Ref": return known.get(e.name);
    case "Unary": {
      const v = constantOf(e.of, known);
      return e.op === "not" && typeof v === "boolean" ? !v : e.op === "-" && typeof v === "number" ? -v : undefined;
    }
    case "Binary": {
      const a = constantOf(e.left, known), b = constantOf(e.right, known);
      if (e.op === "and" && (a === false || b === false)) return false;
      if (e.op === "or" && (a === true || b === true)) return true;
      if (a === undefined || b === undefined) return undefined;
      if (e.op === "and" || e.op === "or") return b;
      if (e.op === "==") return a === b;
      if (e.op === "!=") return a !== b;
      if (typeof a !== "number" || typeof b !== "number") return undefined;
      return e.op === "<" ? a < b : e.op === "<=" ? a <= b : e.op === ">" ? a > b : e.op === ">=" ? a >= b : undefined;
    }
    default: return undefined;
  }
}

/** `w.bias` as a dotted text, when it is only names. */
function pathOf(e: Expr): string | undefined {
  if (e.kind === "Ref") return e.name;
  if (e.kind !== "Member") return undefined;
  const of = pathOf(e.of);
  return of === undefined ? undefined : `${of}.${e.name.text}`;
}

export type { Degree, Form, Rate, Reach };
