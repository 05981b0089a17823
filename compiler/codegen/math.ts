/**
 * Elementary functions as kernel IR, for one lane and for four: the same polynomials wherever they run.
 *
 * Errors against f64, held by tests: exp, log and pow relative 3e-7 to 1e-6, sin and cos absolute 1e-6 for |x| <= 1e5, tanh,
 * sigmoid and erf absolute 5e-7. exp saturates above 88.37 and is 0 below -87.7, so no intermediate is infinite.
 */
import { add, bin, bitcast, cast, div, float, int, mul, select, splat, sub, typeOf, un, variable } from "./kernel-build.ts";
import type { BinaryFn, Expr, Stmt } from "./kernel-ir.ts";

export type MathName = "exp" | "log" | "sin" | "cos" | "tanh" | "sigmoid" | "erf" | "pow" | "sign";

export const mathNames: ReadonlySet<string> = new Set<MathName>(["exp", "log", "sin", "cos", "tanh", "sigmoid", "erf", "pow", "sign"]);

export interface MathBody {
  /** Names of the variables that hold the arguments (f32, `lanes` wide). */
  readonly parameters: readonly string[];
  readonly statements: readonly Stmt[];
  readonly result: Expr;
}

/** A function as statements over fresh variables; `rename` makes names unique where the body is put. */
export function mathBody(fn: MathName, lanes: 1 | 4, rename: (name: string) => string): MathBody {
  const m = new Maker(lanes, rename);
  const x = variable(rename("x"), typeOf("f32", lanes)), y = variable(rename("y"), typeOf("f32", lanes));
  const result = fn === "pow" ? pow(m, x, y) : unary[fn](m, x);
  return { parameters: [rename("x"), ...(fn === "pow" ? [rename("y")] : [])], statements: m.statements, result };
}

class Maker {
  readonly statements: Stmt[] = [];
  readonly lanes: 1 | 4;
  readonly #rename: (name: string) => string;
  #count = 0;

  constructor(lanes: 1 | 4, rename: (name: string) => string) {
    this.lanes = lanes;
    this.#rename = rename;
  }

  let(value: Expr): Expr {
    const name = this.#rename(`v${this.#count++}`);
    this.statements.push({ k: "let", name, value });
    return variable(name, value.type);
  }

  wide(e: Expr): Expr {
    return this.lanes === 4 ? splat(e) : e;
  }

  f(value: number): Expr {
    return this.wide(float(value));
  }

  i(value: number): Expr {
    return this.wide(int(value));
  }

  /** c0 + x*(c1 + x*(c2 + ...)) */
  polynomial(x: Expr, ...coefficients: number[]): Expr {
    let sum = this.f(coefficients[coefficients.length - 1]!);
    for (let k = coefficients.length - 2; k >= 0; k--) sum = this.let(add(mul(sum, x), this.f(coefficients[k]!)));
    return sum;
  }

  compare(fn: BinaryFn, a: Expr, b: number): Expr {
    return bin(fn, a, this.f(b));
  }

  shift(fn: "shl" | "shr", a: Expr, by: number): Expr {
    return bin(fn, a, this.i(by));
  }
}

/** 2^n * e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; polynomial of Cephes (expf.c). */
function exp(m: Maker, x: Expr): Expr {
  const a = m.let(bin("max", bin("min", x, m.f(88.3762626647949)), m.f(-88)));
  const n = m.let(un("round", mul(a, m.f(1.44269504088896341))));
  const r = m.let(sub(sub(a, mul(n, m.f(0.693359375))), mul(n, m.f(-2.12194440e-4))));
  const p = m.polynomial(r, 5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4);
  const e = m.let(add(add(mul(mul(p, r), r), r), m.f(1)));
  const scale = bitcast(m.shift("shl", add(cast(n, "i32"), m.i(127)), 23), "f32");
  return m.let(mul(e, scale));
}

/** log(2^e * f) with f in [sqrt(1/2), sqrt(2)); polynomial of Cephes (logf.c). */
function log(m: Maker, x: Expr): Expr {
  const tiny = m.let(m.compare("lt", x, 1.17549435e-38));
  const bits = m.let(bitcast(m.let(mul(x, select(tiny, m.f(33554432), m.f(1)))), "i32"));
  const raw = m.let(sub(bin("bitand", m.shift("shr", bits, 23), m.i(255)), m.i(126)));
  const half = m.let(bitcast(bin("bitor", bin("bitand", bits, m.i(0x007fffff)), m.i(0x3f000000)), "f32"));
  const low = m.let(m.compare("lt", half, 0.707106781186547524));
  const e = m.let(sub(sub(cast(raw, "f32"), select(low, m.f(1), m.f(0))), select(tiny, m.f(25), m.f(0))));
  const f = m.let(sub(select(low, add(half, half), half), m.f(1)));
  const z = m.let(mul(f, f));
  const p = m.polynomial(f, 3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1, 1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2);
  const tail = m.let(add(mul(mul(f, z), p), mul(e, m.f(-2.12194440e-4))));
  const near = m.let(add(add(sub(tail, mul(z, m.f(0.5))), f), mul(e, m.f(0.693359375))));
  const infinite = bitcast(m.i(0x7f800000), "f32"), undefinedValue = bitcast(m.i(0x7fc00000), "f32");
  const top = m.let(select(bin("lt", x, infinite), near, select(bin("eq", x, infinite), infinite, undefinedValue)));
  const bottom = m.let(select(m.compare("eq", x, 0), un("neg", infinite), undefinedValue));
  return m.let(select(m.compare("gt", x, 0), top, bottom));
}

/**
 * Reduction by pi/2 in four parts of at most 8 bits (Cody and Waite), exact for |x| <= 1e5; then the polynomials of Cephes
 * (sinf.c) on [-pi/4, pi/4].
 */
const trigonometric = (quarter: 0 | 1) => (m: Maker, x: Expr): Expr => {
  const k = m.let(un("round", mul(x, m.f(0.63661977236758134))));
  let r = x;
  for (const part of [1.5703125, 0.0004825592041015625, 1.2665987014770508e-6, 9.92093629470503e-10]) r = m.let(sub(r, mul(k, m.f(part))));
  const r2 = m.let(mul(r, r));
  const s = m.let(add(r, mul(mul(r, r2), m.polynomial(r2, -1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4))));
  const c = m.let(add(sub(m.f(1), mul(r2, m.f(0.5))), mul(mul(r2, r2), m.polynomial(r2, 4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5))));
  const q = m.let(add(cast(k, "i32"), m.i(quarter)));
  const v = m.let(select(bin("eq", bin("bitand", q, m.i(1)), m.i(1)), c, s));
  return m.let(select(bin("eq", bin("bitand", q, m.i(2)), m.i(2)), un("neg", v), v));
};

function sign(m: Maker, x: Expr): Expr {
  return m.let(select(m.compare("gt", x, 0), m.f(1), select(m.compare("lt", x, 0), m.f(-1), x)));
}

/** Series below 0.35, else 1 - 2 / (e^(2|x|) + 1). */
function tanh(m: Maker, x: Expr): Expr {
  const a = m.let(un("abs", x));
  const near = m.let(mul(x, m.polynomial(m.let(mul(x, x)), 1, -0.33333333, 0.13333333, -0.053968254, 0.021869489)));
  const e = exp(m, m.let(mul(bin("min", a, m.f(20)), m.f(2))));
  const far = m.let(mul(sign(m, x), sub(m.f(1), div(m.f(2), add(e, m.f(1))))));
  return m.let(select(m.compare("lt", a, 0.35), near, far));
}

function sigmoid(m: Maker, x: Expr): Expr {
  return m.let(div(m.f(1), add(m.f(1), exp(m, m.let(un("neg", x))))));
}

/** Series below 0.5 (Abramowitz and Stegun 7.1.5), else their 7.1.26, error 1.5e-7. */
function erf(m: Maker, x: Expr): Expr {
  const a = m.let(un("abs", x));
  const x2 = m.let(mul(x, x));
  const near = m.let(mul(mul(x, m.f(1.1283791670955126)), m.polynomial(x2, 1, -0.33333333, 0.1, -0.023809524, 0.0046296296, -0.00075757576)));
  const t = m.let(div(m.f(1), add(m.f(1), mul(a, m.f(0.3275911)))));
  const p = m.let(mul(t, m.polynomial(t, 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)));
  const far = m.let(mul(sign(m, x), sub(m.f(1), mul(p, exp(m, m.let(un("neg", bin("min", x2, m.f(80)))))))));
  return m.let(select(m.compare("lt", a, 0.5), near, far));
}

/** e^(y log|x|), with log|x| in two parts so that large exponents keep their digits; negative bases take whole exponents. */
function pow(m: Maker, x: Expr, y: Expr): Expr {
  const a = m.let(un("abs", x));
  const size = powSize(m, a, y);
  const whole = m.let(un("floor", y));
  const half = m.let(mul(y, m.f(0.5)));
  const odd = m.let(bin("and", bin("eq", whole, y), bin("ne", un("floor", half), half)));
  const negative = m.let(m.compare("lt", x, 0));
  const undefinedValue = bitcast(m.i(0x7fc00000), "f32");
  const signed = m.let(select(negative, select(bin("eq", whole, y), select(odd, un("neg", size), size), undefinedValue), size));
  return m.let(select(m.compare("eq", y, 0), m.f(1), signed));
}

function powSize(m: Maker, a: Expr, y: Expr): Expr {
  // log2 of the mantissa in two parts: u = (f - 1) / (f + 1), log2 f = 2/ln 2 (u + u^3/3 + ...), high part by exact splitting.
  const tiny = m.let(m.compare("lt", a, 1.17549435e-38));
  const bits = m.let(bitcast(m.let(mul(a, select(tiny, m.f(33554432), m.f(1)))), "i32"));
  const shifted = m.let(add(bits, m.i(0x3f800000 - 0x3f3504f3)));
  const e = m.let(sub(cast(sub(m.shift("shr", shifted, 23), m.i(127)), "f32"), select(tiny, m.f(25), m.f(0))));
  const f = m.let(bitcast(add(bin("bitand", shifted, m.i(0x007fffff)), m.i(0x3f3504f3)), "f32"));
  const g = m.let(sub(f, m.f(1)));
  const u = m.let(div(g, add(f, m.f(1))));
  const u2 = m.let(mul(u, u));
  const cut = (v: Expr): Expr => m.let(bitcast(bin("bitand", bitcast(v, "i32"), m.i(-4096)), "f32"));
  // u = high + low exactly enough: low = (g - high * (f + 1)) / (f + 1), each product exact in f32.
  const high = cut(u);
  const sum = m.let(add(f, m.f(1)));
  const sumHigh = cut(sum), sumLow = m.let(sub(f, m.let(sub(sumHigh, m.f(1)))));
  const low = m.let(div(sub(sub(g, mul(high, sumHigh)), mul(high, sumLow)), sum));
  const c = 2.8853900817779268, cHigh = leadingBits(c), cLow = c - cHigh;
  const tail = m.let(mul(mul(u, u2), m.polynomial(u2, c / 3, c / 5, c / 7, c / 9, c / 11)));
  const rest = m.let(add(tail, add(mul(low, m.f(c)), mul(high, m.f(cLow)))));
  const lead = m.let(mul(high, m.f(cHigh)));
  // y * (e + lead + rest) = n + r
  const yHigh = cut(y), yLow = m.let(sub(y, yHigh));
  const t = m.let(add(e, lead));
  const tHigh = cut(t);
  const tLow = m.let(add(add(sub(e, tHigh), lead), rest));
  const product = m.let(mul(yHigh, tHigh));
  const small = m.let(add(mul(yHigh, tLow), mul(yLow, add(t, rest))));
  const n = m.let(un("round", bin("max", bin("min", add(product, small), m.f(127.4)), m.f(-127))));
  const r = m.let(bin("max", bin("min", add(sub(product, n), small), m.f(0.6)), m.f(-0.6)));
  const two = m.polynomial(r, 1, 0.6931471805599453, 0.24022650695910072, 0.05550410866482158, 0.009618129107628477, 0.0013333558146428443, 0.00015403530393381608);
  const scale = bitcast(m.shift("shl", add(cast(n, "i32"), m.i(127)), 23), "f32");
  const value = m.let(mul(two, scale));
  const vanishes = m.compare("gt", y, 0);
  const atZero = select(vanishes, m.f(0), bitcast(m.i(0x7f800000), "f32"));
  return m.let(select(m.compare("eq", a, 0), atZero, value));
}

/** The leading 12 bits, so that a product with another 12-bit number is exact. */
function leadingBits(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0]! &= -4096;
  return new Float32Array(bits.buffer)[0]!;
}

const unary: Readonly<Record<Exclude<MathName, "pow">, (m: Maker, x: Expr) => Expr>> = {
  exp, log, sin: trigonometric(0), cos: trigonometric(1), tanh, sigmoid, erf, sign,
};
