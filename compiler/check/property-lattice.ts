/**
 * Abstract values of the interpretation in `properties.ts`: four lattices and the transfer of each operator.
 *
 * degree in each value read: absent (0), linear, affine, nonlinear; structure of the linear part: id, scalar, diagonal,
 * rotation, dense; rate of the coefficients: static to token; reach over rows: own to batch.
 */
import * as dim from "../../ir/dim.ts";
import type { Dim } from "../../ir/dim.ts";
import type { Span } from "../base/source.ts";

export type Degree = "linear" | "affine" | "nonlinear";
export type Form = "id" | "scalar" | "diagonal" | "rotation" | "dense";
export type Rate = "static" | "request" | "sequence" | "step" | "token";
export type Reach = "own" | "earlier" | "sequence" | "batch";

export interface Facts {
  /** Degree in each value that is read; what is absent is not read. */
  readonly deg: ReadonlyMap<string, Degree>;
  readonly forms: ReadonlyMap<string, Form>;
  /** The expression has a part that reads nothing and may differ from zero. */
  readonly constant: boolean;
  readonly rate: Rate;
  readonly reach: Reach;
  readonly shape: readonly Dim[] | undefined;
  /** A bound on the rank of a matrix that reads nothing, when it is smaller than the matrix. */
  readonly rank: Dim | undefined;
  /** The kind of a parameter that is a module. */
  readonly module?: string;
  /** The smallest expression that made it nonlinear, dense in reach or fast. */
  readonly witness: Span | undefined;
  readonly span: Span;
}

const forms: readonly Form[] = ["id", "scalar", "diagonal", "rotation", "dense"];
const degrees: readonly Degree[] = ["linear", "affine", "nonlinear"];
const rates: readonly Rate[] = ["static", "request", "sequence", "step", "token"];
const reaches: readonly Reach[] = ["own", "earlier", "sequence", "batch"];
const worse = <T>(order: readonly T[], a: T, b: T): T => (order.indexOf(a) >= order.indexOf(b) ? a : b);

/** A parameter, literal or constant: reads nothing, never changes. */
export function zeroFacts(span: Span): Facts {
  return { deg: new Map(), forms: new Map(), constant: true, rate: "static", reach: "own", shape: undefined, rank: undefined, witness: undefined, span };
}

const mapValues = <K, V, W>(m: ReadonlyMap<K, V>, f: (v: V) => W): Map<K, W> => new Map([...m].map(([k, v]) => [k, f(v)]));

function union<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>, pick: (x: V, y: V) => V): Map<string, V> {
  const out = new Map(a);
  for (const [k, v] of b) out.set(k, out.has(k) ? pick(out.get(k)!, v) : v);
  return out;
}

/** What holds of both: the upper bound of each component. */
export function join(a: Facts, b: Facts, span: Span): Facts {
  return {
    deg: union(a.deg, b.deg, (x, y) => worse(degrees, x, y)),
    forms: union(a.forms, b.forms, (x, y) => worse(forms, x, y)),
    constant: a.constant || b.constant,
    rate: worse(rates, a.rate, b.rate),
    reach: worse(reaches, a.reach, b.reach),
    shape: longer(a.shape, b.shape),
    rank: a.rank && b.rank ? (dim.lessOrEqual(a.rank, b.rank) === "yes" ? b.rank : a.rank) : undefined,
    witness: a.witness ?? b.witness,
    span,
  };
}

/** The shape of an elementwise result: the longer one, with sizes of 1 stretched. */
function longer(a: Facts["shape"], b: Facts["shape"]): Facts["shape"] {
  if (!a || !b) return undefined;
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return long.map((d, i) => (isOne(d) ? (short[i - long.length + short.length] ?? d) : d));
}
const isOne = (d: Dim): boolean => dim.equal(d, dim.one);

/** Parameters of the form `M` times `v`: how the structure of `v` changes. */
const through = (form: Form, by: Form): Form => (by === "id" ? form : form === "id" ? by : worse(forms, form, by));

function sum(a: Facts, b: Facts, span: Span): Facts {
  const both = join(a, b, span);
  const affine = (d: Degree): Degree => (both.constant && d === "linear" ? "affine" : d);
  const rank = a.rank && b.rank && a.deg.size + b.deg.size === 0 ? dim.add(a.rank, b.rank) : undefined;
  // A value that enters twice as itself is a multiple of itself.
  const forms2 = union(a.forms, b.forms, (x, y) => (x === "id" && y === "id" ? "scalar" : worse(forms, x, y)));
  return { ...both, deg: mapValues(both.deg, affine), forms: forms2, rank };
}

function times(a: Facts, b: Facts, span: Span): Facts {
  if (a.deg.size > 0 && b.deg.size > 0) return opaque([a, b], span);
  const [c, v] = a.deg.size === 0 ? [a, b] : [b, a];
  const both = join(a, b, span);
  // Only a coefficient whose shape is known to be [] is the same for every feature.
  const by: Form = c.shape?.length === 0 ? "scalar" : "diagonal";
  const rank = v.deg.size > 0 ? undefined : elementwiseRank(a, b);
  return { ...both, deg: v.deg, forms: mapValues(v.forms, (f) => through(f, by)), constant: a.constant && b.constant, rank };
}

/** A scalar keeps the rank; the elementwise product of two matrices has at most the product of their ranks. */
function elementwiseRank(a: Facts, b: Facts): Dim | undefined {
  if (a.shape?.length === 0) return b.rank;
  if (b.shape?.length === 0) return a.rank;
  // A vector scales the columns of a matrix, which cannot raise its rank.
  if (a.shape?.length === 1 && b.shape?.length === 2) return b.rank;
  if (b.shape?.length === 1 && a.shape?.length === 2) return a.rank;
  // So does a matrix of one row or one column.
  if (a.shape?.length === 2 && a.shape.some(isOne)) return b.rank;
  if (b.shape?.length === 2 && b.shape.some(isOne)) return a.rank;
  return a.rank && b.rank ? dim.mul(a.rank, b.rank) : undefined;
}

function matrixProduct(a: Facts, b: Facts, span: Span): Facts {
  if (a.deg.size > 0 && b.deg.size > 0) return opaque([a, b], span);
  const both = join(a, b, span);
  const v = a.deg.size === 0 ? b : a;
  if (v.deg.size > 0) return { ...both, deg: v.deg, forms: mapValues(v.forms, () => "dense" as Form), constant: a.constant && b.constant, shape: undefined, rank: undefined };
  const shape = a.shape?.length === 2 && b.shape?.length === 2 ? [a.shape[0]!, b.shape[1]!] : undefined;
  const inner = a.shape?.length === 2 ? a.shape[1] : b.shape?.length === 2 ? b.shape[0] : undefined;
  // With the shape of one factor alone, the inner size must be smaller than its other side.
  const sides = shape ?? [...(a.shape?.length === 2 ? [a.shape[0]!] : []), ...(b.shape?.length === 2 ? [b.shape[1]!] : [])];
  const bounds = [a.rank, b.rank, inner && sides.length > 0 && !sides.some((d) => noSmaller(inner, d)) ? inner : undefined].filter((d) => d !== undefined);
  const rank = bounds.reduce<Dim | undefined>((best, d) => (best && dim.lessOrEqual(best, d) === "yes" ? best : d), undefined);
  return { ...both, shape, rank };
}

/** Surely not smaller than `d`: an inner size like that bounds nothing. */
const noSmaller = (inner: Dim, d: Dim): boolean => dim.lessOrEqual(d, inner) === "yes";

function opaque(of: readonly Facts[], span: Span): Facts {
  const all = of.reduce((a, b) => join(a, b, span), zeroFacts(span));
  if (all.deg.size === 0) return { ...all, shape: undefined, rank: undefined };
  return {
    ...all, deg: mapValues(all.deg, () => "nonlinear" as Degree), forms: mapValues(all.forms, () => "dense" as Form),
    shape: undefined, rank: undefined, witness: all.witness ?? span,
  };
}

/** A sum or mean over another axis than the last reads other rows: those of the sequence, or of the batch for axis 0. */
export const overRows = (of: Facts, axis: number): Facts => ({ ...of, reach: worse(reaches, of.reach, axis === 0 ? "batch" : "sequence"), witness: of.witness ?? of.span });

/** Transfer functions of the operators. */
export const Facts = {
  add: sum,
  multiply: times,
  product: matrixProduct,
  nonlinear: opaque,
  /** A Linear of the method's own parameters: a dense map and a bias. */
  affineMap(x: Facts, span: Span): Facts {
    return {
      ...x, deg: mapValues(x.deg, (d) => (d === "linear" ? "affine" : d)), forms: mapValues(x.forms, () => "dense" as Form),
      constant: true, shape: undefined, rank: undefined, span,
    };
  },
} as const;

/** Functions that only move elements, or add up features: linear with 0/1 coefficients. */
const movements = new Set(["take", "reshape", "transpose", "permute", "split", "concat", "repeat", "pad", "sum", "mean", "flatten", "heads", "merge_heads"]);

/** Functions of each element, which keep a shape. */
const elementwise = new Set(["exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "abs", "floor", "float", "softmax"]);

/** The shape of a call that reads nothing. */
function shapeOfCall(name: string, args: readonly Facts[]): Facts["shape"] {
  const [first] = args;
  if (args.every((a) => a.shape?.length === 0)) return [];
  if (name === "transpose") return first?.shape && [...first.shape].reverse();
  return elementwise.has(name) ? first?.shape : undefined;
}

/** The transfer of a built-in function, or undefined for one that is not known to be linear. */
export function abstractCall(name: string, args: readonly Facts[], span: Span): Facts | undefined {
  const all = args.reduce((a, b) => join(a, b, span), zeroFacts(span));
  if (all.deg.size === 0) {
    // Reads nothing, so it stays a constant whatever it computes; a transposed matrix keeps its rank.
    return { ...all, shape: shapeOfCall(name, args), rank: name === "transpose" ? args[0]?.rank : undefined };
  }
  // Pairs of places turned by 90 degrees.
  if (name === "quarter_turn") return { ...all, forms: mapValues(all.forms, (f) => through(f, "rotation")), shape: undefined, rank: undefined, span };
  const product = (name === "linear" || name === "dot") && args.filter((a) => a.deg.size > 0).length === 1;
  if (!movements.has(name) && !product) return undefined;
  return { ...all, forms: mapValues(all.forms, () => "dense" as Form), constant: args.some((a) => a.constant), shape: undefined, rank: undefined, span };
}
