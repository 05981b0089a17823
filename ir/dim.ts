/**
 * Symbolic dimensions: polynomials with integer coefficients over named integers (each >= 1).
 *
 * The normal form decides equality: terms are sorted, no coefficient is 0, factors are sorted. `floor(p / q)`
 * and `p mod q` that do not divide out are atoms. A dim is plain data, so it travels inside a plan.
 */

/** An indivisible factor of a term: a named dim, or a floor or remainder that did not divide out. */
export type Factor =
  | string
  | { readonly fn: "floor" | "mod"; readonly of: Dim; readonly by: Dim };

export interface Term {
  readonly coef: number;
  readonly factors: readonly Factor[];
}

/** Sum of terms in normal form; the empty list is 0. */
export type Dim = readonly Term[];

export type Answer = "yes" | "no" | "unknown";
export type Bindings = Readonly<Record<string, number>>;

export const zero: Dim = [];
export const one: Dim = [{ coef: 1, factors: [] }];

export function constant(n: number): Dim {
  return n === 0 ? zero : [{ coef: n, factors: [] }];
}

/** The name of the dim that says for how many rows states have room; no program can write it. */
export const capacityName = "0C";

export function named(name: string): Dim {
  return [{ coef: 1, factors: [name] }];
}

/** A number stays a constant, a string becomes a name, a dim stays itself. */
export function toDim(d: Dim | number | string): Dim {
  return typeof d === "number" ? constant(d) : typeof d === "string" ? named(d) : d;
}

const factorKey = (f: Factor): string =>
  typeof f === "string" ? f : `${f.fn}(${print(f.of)}, ${print(f.by)})`;
const termKey = (t: Term): string => t.factors.map(factorKey).join("*");

function normalize(terms: readonly Term[]): Dim {
  const sums = new Map<string, Term>();
  for (const t of terms) {
    const factors = t.factors.length < 2 ? t.factors : [...t.factors].sort((a, b) => (factorKey(a) < factorKey(b) ? -1 : 1));
    const term = { coef: t.coef, factors };
    const key = termKey(term);
    const old = sums.get(key);
    sums.set(key, old ? { coef: old.coef + t.coef, factors } : term);
  }
  return [...sums.entries()]
    .filter(([, t]) => t.coef !== 0)
    .sort(([a, s], [b, t]) => t.factors.length - s.factors.length || (a < b ? -1 : a > b ? 1 : 0))
    .map(([, t]) => t);
}

export function add(a: Dim, b: Dim): Dim {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const [p, q] = [constantOf(a), constantOf(b)];
  return p !== undefined && q !== undefined ? constant(p + q) : normalize([...a, ...b]);
}

export function neg(a: Dim): Dim {
  return a.map((t) => ({ coef: -t.coef, factors: t.factors }));
}

export function sub(a: Dim, b: Dim): Dim {
  return add(a, neg(b));
}

export function mul(a: Dim, b: Dim): Dim {
  const [p, q] = [constantOf(a), constantOf(b)];
  if (p !== undefined) return scaled(b, p);
  if (q !== undefined) return scaled(a, q);
  return normalize(
    a.flatMap((s) => b.map((t) => ({ coef: s.coef * t.coef, factors: [...s.factors, ...t.factors] }))),
  );
}

/** A number of times a dim, whose terms keep their order. */
function scaled(d: Dim, by: number): Dim {
  return by === 1 ? d : by === 0 ? zero : d.map((t) => ({ coef: t.coef * by, factors: t.factors }));
}

export function product(dims: readonly Dim[]): Dim {
  return dims.reduce(mul, one);
}

/** The value of a constant dim, or undefined for a symbolic one. */
export function constantOf(d: Dim): number | undefined {
  if (d.length === 0) return 0;
  return d.length === 1 && d[0]!.factors.length === 0 ? d[0]!.coef : undefined;
}

/** p / q when q is one term that divides every term of p, else undefined. */
export function divideExactly(p: Dim, q: Dim): Dim | undefined {
  if (equal(p, q)) return one;
  const d = q.length === 1 ? q[0]! : undefined;
  if (!d) return undefined;
  const out: Term[] = [];
  for (const t of p) {
    if (t.coef % d.coef !== 0) return undefined;
    const rest = [...t.factors];
    for (const f of d.factors) {
      const at = rest.findIndex((g) => sameFactor(f, g));
      if (at < 0) return undefined;
      rest.splice(at, 1);
    }
    out.push({ coef: t.coef / d.coef, factors: rest });
  }
  return normalize(out);
}

/** floor(p / q): divides out where it can, folds constants, else an atom. */
export function floorDiv(p: Dim, q: Dim): Dim {
  const exact = divideExactly(p, q);
  if (exact) return exact;
  const [a, b] = [constantOf(p), constantOf(q)];
  if (a !== undefined && b !== undefined) return constant(Math.floor(a / b));
  return [{ coef: 1, factors: [{ fn: "floor", of: p, by: q }] }];
}

export function mod(p: Dim, q: Dim): Dim {
  if (divideExactly(p, q)) return zero;
  const [a, b] = [constantOf(p), constantOf(q)];
  if (a !== undefined && b !== undefined) return constant(((a % b) + b) % b);
  return [{ coef: 1, factors: [{ fn: "mod", of: p, by: q }] }];
}

export function equal(a: Dim, b: Dim): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((t, i) => {
    const u = b[i]!;
    return t.coef === u.coef && t.factors.length === u.factors.length && t.factors.every((f, k) => sameFactor(f, u.factors[k]!));
  });
}

function sameFactor(f: Factor, g: Factor): boolean {
  if (typeof f === "string" || typeof g === "string") return f === g;
  return f === g || (f.fn === g.fn && equal(f.of, g.of) && equal(f.by, g.by));
}

/** Every named dim is >= 1: substitutes n = 1 + n' and asks whether no coefficient is negative. */
function nonNegative(d: Dim): boolean {
  if (d.every((t) => t.coef >= 0)) return true;
  if (d.every((t) => t.coef < 0)) return false;
  let shifted: Dim = zero;
  for (const t of d) {
    let e: Dim = constant(t.coef);
    for (const f of t.factors)
      e = mul(e, typeof f === "string" ? add(one, [{ coef: 1, factors: [f] }]) : [{ coef: 1, factors: [f] }]);
    shifted = add(shifted, e);
  }
  return shifted.every((t) => t.coef >= 0);
}

/** p <= q for every value of the names? */
export function lessOrEqual(p: Dim, q: Dim): Answer {
  if (nonNegative(sub(q, p))) return "yes";
  if (nonNegative(sub(sub(p, q), one))) return "no";
  return "unknown";
}

export function compareEqual(p: Dim, q: Dim): Answer {
  if (equal(p, q)) return "yes";
  if (nonNegative(sub(sub(q, p), one)) || nonNegative(sub(sub(p, q), one))) return "no";
  return "unknown";
}

/** q divides p? */
export function divides(q: Dim, p: Dim): Answer {
  if (divideExactly(p, q)) return "yes";
  return constantOf(p) !== undefined && constantOf(q) !== undefined ? "no" : "unknown";
}

export function names(d: Dim, into: Set<string> = new Set()): Set<string> {
  for (const t of d)
    for (const f of t.factors)
      if (typeof f === "string") into.add(f);
      else names(f.of, into), names(f.by, into);
  return into;
}

export function substitute(d: Dim, values: ReadonlyMap<string, Dim>): Dim {
  let sum: Dim = zero;
  for (const t of d) {
    let e: Dim = constant(t.coef);
    for (const f of t.factors) {
      const g =
        typeof f === "string"
          ? (values.get(f) ?? named(f))
          : (f.fn === "floor" ? floorDiv : mod)(substitute(f.of, values), substitute(f.by, values));
      e = mul(e, g);
    }
    sum = add(sum, e);
  }
  return sum;
}

/** The value of a dim; throws RangeError when a name is unbound. */
export function evaluate(d: Dim, at: Bindings): number {
  let sum = 0;
  for (const t of d) {
    let v = t.coef;
    for (const f of t.factors) {
      if (typeof f === "string") {
        const n = at[f];
        if (n === undefined) throw new RangeError(`dim ${f} has no value`);
        v *= n;
      } else {
        const a = evaluate(f.of, at), b = evaluate(f.by, at);
        v *= f.fn === "floor" ? Math.floor(a / b) : ((a % b) + b) % b;
      }
    }
    sum += v;
  }
  return sum;
}

/** Text form: `2*B*S + 1`; `parse(print(d))` equals d. */
export function print(d: Dim): string {
  if (d.length === 0) return "0";
  return d
    .map((t, i) => {
      const c = Math.abs(t.coef);
      const body = [...(c === 1 && t.factors.length ? [] : [String(c)]), ...t.factors.map(factorKey)].join("*");
      return (t.coef < 0 ? (i ? " - " : "-") : i ? " + " : "") + body;
    })
    .join("");
}

/** Reads the text form; throws SyntaxError on anything else. */
export function parse(text: string): Dim {
  let at = 0;
  const peek = (): string => {
    while (text[at] === " ") at++;
    return text[at] ?? "";
  };
  const take = (c: string): void => {
    if (peek() !== c) throw new SyntaxError(`expected ${c} at ${at} in dim "${text}"`);
    at++;
  };
  const factor = (): Dim => {
    peek();
    const m = /^(\d+|[A-Za-z_][\w.']*)/.exec(text.slice(at));
    if (!m) throw new SyntaxError(`expected a dim at ${at} in "${text}"`);
    at += m[0].length;
    if (/^\d/.test(m[0])) return constant(Number(m[0]));
    if ((m[0] === "floor" || m[0] === "mod") && peek() === "(") {
      take("(");
      const of = sum();
      take(",");
      const by = sum();
      take(")");
      return m[0] === "floor" ? floorDiv(of, by) : mod(of, by);
    }
    return named(m[0]);
  };
  const term = (): Dim => {
    let d = factor();
    while (peek() === "*") at++, (d = mul(d, factor()));
    return d;
  };
  const sum = (): Dim => {
    let d: Dim = zero;
    let sign = 1;
    if (peek() === "-") at++, (sign = -1);
    for (;;) {
      d = sign < 0 ? sub(d, term()) : add(d, term());
      const c = peek();
      if (c !== "+" && c !== "-") return d;
      sign = c === "-" ? -1 : 1;
      at++;
    }
  };
  const d = sum();
  if (peek() !== "") throw new SyntaxError(`unexpected "${text.slice(at)}" in dim "${text}"`);
  return d;
}
