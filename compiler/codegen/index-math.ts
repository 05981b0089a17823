/**
 * Arithmetic on indices with known ranges: sums of products in a normal form, division and remainder that vanish
 * where the ranges prove it. An index is an i32 expression >= 0.
 */
import { add as addDims, constant, constantOf, divideExactly, equal, lessOrEqual, mul as mulDims, one, sub as subDims, zero, type Dim } from "../../ir/dim.ts";
import { add, bin, dimExpr, dimVar, exprKey, int, mul, sub } from "./kernel-build.ts";
import type { Expr } from "./kernel-ir.ts";

interface Term { readonly coef: number; readonly atoms: readonly string[] }
/** Terms by the key of their atoms. */
type Poly = ReadonlyMap<string, Term>;

/** What the arithmetic needs of the code being built around it. */
export interface IndexScope {
  /** Gives an expression a name where its operands are known, once; returns the variable. */
  name(e: Expr, upper: Dim | undefined): Expr;
}

export class IndexMath {
  readonly #atoms = new Map<string, Expr>();
  readonly #upper = new Map<string, Dim>();
  /** Quotient and remainder atoms by their key: q * by + r is the value again. */
  readonly #pairs = new Map<string, { readonly remainder: string; readonly value: string; readonly by: Dim }>();
  readonly #scope: IndexScope;

  constructor(scope: IndexScope) {
    this.#scope = scope;
  }

  /** Says that a variable lies in `0 .. upper - 1`. */
  setUpper(e: Expr, upper: Dim): void {
    this.#upper.set(exprKey(e), upper);
  }

  /** Exclusive upper bound of an index, where it is known. */
  upper(e: Expr): Dim | undefined {
    const top = this.#maximum(this.#poly(e));
    return top && addDims(top, one);
  }

  simplify(e: Expr): Expr {
    return this.#expr(this.#poly(e));
  }

  /** `sum(index[i] * stride[i])` of a row-major shape, plus `offset`. */
  linear(index: readonly Expr[], shape: readonly Dim[], offset: number = 0): Expr {
    return this.#expr(this.#recombine(this.#linear(index, shape, offset)));
  }

  /** The same place in another shape of equal size: axes are matched in groups of equal products. */
  reshape(index: readonly Expr[], from: readonly Dim[], to: readonly Dim[]): Expr[] {
    const out: Expr[] = [];
    for (const [f, t] of groups(from, to)) {
      const sizes = to.slice(t[0], t[1]);
      let rest = this.#recombine(this.#linear(index.slice(f[0], f[1]), from.slice(f[0], f[1]), 0));
      const parts: Expr[] = [];
      for (let i = sizes.length - 1; i >= 0; i--) {
        if (i === 0) {
          parts.unshift(this.#expr(rest));
        } else {
          const [q, r] = this.#divide(rest, sizes[i]!);
          parts.unshift(this.#expr(r));
          rest = q;
        }
      }
      out.push(...parts);
    }
    return out;
  }

  divide(e: Expr, by: Dim): { readonly quotient: Expr; readonly remainder: Expr } {
    const [q, r] = this.#divide(this.#poly(e), by);
    return { quotient: this.#expr(q), remainder: this.#expr(r) };
  }

  /** Splits a sum by whether `early` holds for all variables of a term. */
  split(e: Expr, early: (atom: Expr) => boolean): { readonly early: Expr; readonly late: Expr } {
    const parts: [Term[], Term[]] = [[], []];
    for (const t of this.#poly(e).values()) parts[t.atoms.every((a) => early(this.#atoms.get(a)!)) ? 0 : 1].push(t);
    return { early: this.#expr(collect(parts[0])), late: this.#expr(collect(parts[1])) };
  }

  #linear(index: readonly Expr[], shape: readonly Dim[], offset: number): Poly {
    let sum = collect(offset ? [{ coef: offset, atoms: [] }] : []);
    let stride: Dim = one;
    for (let i = shape.length - 1; i >= 0; i--) {
      sum = plus(sum, times(this.#poly(index[i]!), this.#dim(stride)));
      stride = mulDims(stride, shape[i]!);
    }
    return sum;
  }

  /** Replaces `c * by * (x / by) + c * (x mod by)` by `c * x`. */
  #recombine(p: Poly): Poly {
    for (const t of p.values()) {
      for (const a of t.atoms) {
        const pair = this.#pairs.get(a);
        if (!pair || pair.by.length !== 1) continue;
        const others = [...t.atoms];
        others.splice(others.indexOf(a), 1);
        const by = [...this.#dim(pair.by).values()][0]!;
        if (t.coef % by.coef !== 0 || !by.atoms.every((b) => others.includes(b))) continue;
        for (const b of by.atoms) others.splice(others.indexOf(b), 1);
        const coef = t.coef / by.coef;
        const partner = p.get([...others, pair.remainder].sort().join("*"));
        if (!partner || partner.coef !== coef) continue;
        const rest = [...p.values()].filter((x) => x !== t && x !== partner);
        return this.#recombine(collect([...rest, { coef, atoms: [...others, pair.value] }]));
      }
    }
    return p;
  }

  #atom(e: Expr): Poly {
    const key = exprKey(e);
    this.#atoms.set(key, e);
    return collect([{ coef: 1, atoms: [key] }]);
  }

  #poly(e: Expr): Poly {
    if (e.k === "lit") return collect([{ coef: e.value, atoms: [] }]);
    if (e.k === "bin") {
      if (e.fn === "add") return plus(this.#poly(e.a), this.#poly(e.b));
      if (e.fn === "sub") return plus(this.#poly(e.a), scale(this.#poly(e.b), -1));
      if (e.fn === "mul") return times(this.#poly(e.a), this.#poly(e.b));
    }
    return this.#atom(e);
  }

  #dim(d: Dim): Poly {
    let sum = collect([]);
    for (const t of d) {
      let p = collect([{ coef: t.coef, atoms: [] }]);
      for (const f of t.factors)
        p = times(p, typeof f === "string" ? this.#atom(dimVar(f)) : this.#atom(this.#scope.name(dimExpr([{ coef: 1, factors: [f] }]), undefined)));
      sum = plus(sum, p);
    }
    return sum;
  }

  #expr(p: Poly): Expr {
    const byCoef = new Map<number, Term[]>();
    for (const t of p.values()) byCoef.set(t.coef, [...(byCoef.get(t.coef) ?? []), t]);
    let sum: Expr | undefined;
    const ordered = [...byCoef.entries()].sort(([a, s], [b, t]) => Number(!s[0]!.atoms.length) - Number(!t[0]!.atoms.length) || Math.abs(b) - Math.abs(a) || b - a);
    const positive = ordered.filter(([c]) => c > 0), negative = ordered.filter(([c]) => c < 0);
    for (const [coef, terms] of [...positive, ...negative]) {
      const body = terms
        .map((t) => t.atoms.map((a) => this.#atoms.get(a)!).reduce<Expr | undefined>((x, y) => (x ? mul(x, y) : y), undefined) ?? int(1))
        .reduce((x, y) => add(x, y));
      const part = mul(body, int(Math.abs(coef)));
      sum = coef < 0 ? sub(sum ?? int(0), part) : sum ? add(sum, part) : part;
    }
    return sum ?? int(0);
  }

  /** The largest value of a polynomial without negative variable terms, as a dim. */
  #maximum(p: Poly): Dim | undefined {
    let sum: Dim = zero;
    for (const t of p.values()) {
      let e: Dim = constant(t.coef);
      let variable = false;
      for (const a of t.atoms) {
        const atom = this.#atoms.get(a)!;
        if (atom.k === "dim") {
          e = mulDims(e, [{ coef: 1, factors: [atom.name] }]);
        } else {
          const top = this.#upper.get(a);
          if (!top) return undefined;
          e = mulDims(e, subDims(top, one));
          variable = true;
        }
      }
      if (t.coef < 0 && variable) continue;
      sum = addDims(sum, e);
    }
    return sum;
  }

  #below(p: Poly, q: Dim): boolean {
    const negative = [...p.values()].filter((t) => t.coef < 0);
    const fixed = [...p.values()].filter((t) => t.atoms.every((a) => this.#atoms.get(a)!.k === "dim"));
    if (negative.length && !(negative.every((t) => fixed.includes(t)) && lessOrEqual(zero, this.#maximum(collect(fixed))!) === "yes")) return false;
    const top = this.#maximum(p);
    return top !== undefined && lessOrEqual(addDims(top, one), q) === "yes";
  }

  #divide(p: Poly, q: Dim): [Poly, Poly] {
    const exact = constantOf(q);
    if (exact === 1) return [p, collect([])];
    const single = q.length === 1 ? q[0]! : undefined;
    const out: Term[] = [], rest: Term[] = [];
    const need = single ? [...this.#dim([{ coef: 1, factors: single.factors }]).values()][0]!.atoms : [];
    for (const t of p.values()) {
      const left = [...t.atoms];
      const has = single !== undefined && need.every((a) => {
        const at = left.indexOf(a);
        if (at >= 0) left.splice(at, 1);
        return at >= 0;
      });
      const whole = has ? Math.floor(t.coef / single.coef) : 0;
      if (has && (t.coef % single.coef === 0 || (exact !== undefined && t.coef > 0 && whole > 0))) {
        out.push({ coef: whole, atoms: left });
        const over = t.coef - whole * single.coef;
        if (over) rest.push({ coef: over, atoms: t.atoms });
      } else {
        rest.push(t);
      }
    }
    const quotient = collect(out), r = collect(rest);
    if (r.size === 0 || this.#below(r, q)) return [quotient, r];
    if (exact !== undefined) {
      const common = this.#divideCommon(r, exact);
      if (common) return [plus(quotient, common[0]), common[1]];
    }
    const top = this.#maximum(r);
    const topConst = top && constantOf(top);
    const upper = topConst !== undefined && exact !== undefined ? constant(Math.floor(topConst / exact) + 1) : top && divideExactly(addDims(top, one), q);
    const value = this.#scope.name(this.#expr(r), top && addDims(top, one));
    const by = this.#expr(this.#dim(q));
    const floor = this.#scope.name(bin("idiv", value, by), upper);
    const rem = this.#scope.name(bin("imod", value, by), q);
    if (floor.k === "var" && rem.k === "var" && value.k !== "lit") {
      this.#atom(value);
      this.#pairs.set(exprKey(floor), { remainder: exprKey(rem), value: exprKey(value), by: q });
    }
    return [plus(quotient, this.#poly(floor)), this.#poly(rem)];
  }

  /** (g*x + y) / (g*n) with y < g is x / n, with remainder g*(x mod n) + y. */
  #divideCommon(r: Poly, by: number): [Poly, Poly] | undefined {
    const factors = [...new Set([...r.values()].map((t) => gcd(Math.abs(t.coef), by)))].filter((g) => g > 1 && g < by).sort((a, b) => b - a);
    for (const g of factors) {
      const high: Term[] = [], low: Term[] = [];
      for (const t of r.values()) (t.coef % g === 0 ? high : low).push(t);
      if (!this.#below(collect(low), constant(g))) continue;
      const [q, m] = this.#divide(collect(high.map((t) => ({ coef: t.coef / g, atoms: t.atoms }))), constant(by / g));
      return [q, plus(scale(m, g), collect(low))];
    }
    return undefined;
  }
}

function collect(terms: readonly Term[]): Poly {
  const out = new Map<string, Term>();
  for (const t of terms) {
    const atoms = [...t.atoms].sort();
    const key = atoms.join("*");
    const coef = (out.get(key)?.coef ?? 0) + t.coef;
    if (coef === 0) out.delete(key);
    else out.set(key, { coef, atoms });
  }
  return out;
}

const plus = (a: Poly, b: Poly): Poly => collect([...a.values(), ...b.values()]);
const scale = (a: Poly, by: number): Poly => collect([...a.values()].map((t) => ({ coef: t.coef * by, atoms: t.atoms })));
const times = (a: Poly, b: Poly): Poly =>
  collect([...a.values()].flatMap((s) => [...b.values()].map((t) => ({ coef: s.coef * t.coef, atoms: [...s.atoms, ...t.atoms] }))));

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

type Range = readonly [number, number];

/** Pairs runs of axes of two shapes with equal products, as short as they can be found. */
export function groups(from: readonly Dim[], to: readonly Dim[]): (readonly [Range, Range])[] {
  const out: (readonly [Range, Range])[] = [];
  let i = 0, j = 0;
  while (i < from.length || j < to.length) {
    const match = shortest(from, to, i, j);
    out.push([[i, match[0]], [j, match[1]]]);
    [i, j] = match;
  }
  return out;
}

function shortest(from: readonly Dim[], to: readonly Dim[], i: number, j: number): readonly [number, number] {
  const restFrom = from.length - i, restTo = to.length - j;
  for (let total = 1; total < restFrom + restTo; total++) {
    for (let a = Math.min(total, restFrom); a >= 0; a--) {
      const b = total - a;
      if (b > restTo) continue;
      const p = from.slice(i, i + a).reduce(mulDims, one), q = to.slice(j, j + b).reduce(mulDims, one);
      if (equal(p, q)) return [i + a, j + b];
    }
  }
  return [from.length, to.length];
}
