/** Math functions in WGSL where the built-in ones are too coarse, for one lane and for four. */

export type MathName = "sin" | "cos" | "tanh" | "sigmoid" | "erf" | "pow";

/**
 * sin and cos: reduction by pi/2 in four parts of at most 8 bits (Cody and Waite), exact for |x| < 1e5; then the minimax
 * polynomials of Cephes (sinf.c, cosf.c) on [-pi/4, pi/4].
 */
const trig = (shift: number): string => `  let k = round(x * 0.63661977f);
  let r = (((x - k * 1.5703125f) - k * 0.0004825592041015625f) - k * 1.2665987014770508e-6f) - k * 9.92093629470503e-10f;
  let r2 = r * r;
  let s = r + r * r2 * (-0.16666654611f + r2 * (0.0083321608736f - r2 * 0.00019515295891f));
  let c = T(1.0f) - 0.5f * r2 + r2 * r2 * (0.041666645683f + r2 * (-0.0013887316255f + r2 * 0.000024433157118f));
  let q = I(k)${shift ? ` + I(${shift})` : ""};
  let v = select(s, c, (q & I(1)) == I(1));
  return select(v, -v, (q & I(2)) == I(2));`;

const bodies: Readonly<Record<MathName, string>> = {
  sin: trig(0),
  cos: trig(1),
  // Taylor series below 0.35, else 1 - 2 / (exp(2|x|) + 1).
  tanh: `  let a = abs(x);
  let x2 = x * x;
  let near = x * (T(1.0f) + x2 * (-0.33333333f + x2 * (0.13333333f + x2 * (-0.053968254f + x2 * 0.021869489f))));
  let far = sign(x) * (T(1.0f) - T(2.0f) / (exp(2.0f * min(a, T(20.0f))) + T(1.0f)));
  return select(far, near, a < T(0.35f));`,
  sigmoid: `  return T(1.0f) / (T(1.0f) + exp(min(-x, T(80.0f))));`,
  // Series below 0.5 (A&S 7.1.5), else the rational bound 7.1.26, error 1.5e-7.
  erf: `  let a = abs(x);
  let x2 = x * x;
  let near = 1.1283791671f * x * (T(1.0f) + x2 * (-0.33333333f + x2 * (0.1f + x2 * (-0.023809524f + x2 * (0.0046296296f - x2 * 0.00075757576f)))));
  let t = T(1.0f) / (T(1.0f) + 0.3275911f * a);
  let poly = t * (T(0.254829592f) + t * (T(-0.284496736f) + t * (T(1.421413741f) + t * (T(-1.453152027f) + t * 1.061405429f))));
  let far = sign(x) * (T(1.0f) - poly * exp(-min(x2, T(80.0f))));
  return select(far, near, a < T(0.5f));`,
  // Negative bases take integer exponents; 0 to the 0 is 1.
  pow: `  let a = abs(x);
  let m = select(exp2(y * log2(max(a, T(1.1754944e-38f)))), T(0.0f), (a == T(0.0f)) & (y > T(0.0f)));
  let odd = (floor(y) == y) & (floor(y * 0.5f) * 2.0f != y);
  return select(select(m, -m, (x < T(0.0f)) & odd), T(1.0f), y == T(0.0f));`,
};

/** Text of `m_NAME` (one lane) or `m_NAME4`. */
export function mathFunction(name: string): string {
  const wide = name.endsWith("4");
  const base = name.slice(2, wide ? -1 : undefined) as MathName;
  const type = wide ? "vec4<f32>" : "f32";
  const body = bodies[base].replace(/\bT\(/g, `${type}(`).replace(/\bI\(/g, `${wide ? "vec4<i32>" : "i32"}(`);
  return `fn ${name}(x: ${type}${base === "pow" ? `, y: ${type}` : ""}) -> ${type} {\n${body}\n}`;
}
