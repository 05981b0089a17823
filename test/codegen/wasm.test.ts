/** The encoder: every kind of expression and statement does in WebAssembly what it says. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodeModule } from "../../compiler/codegen/wasm.ts";
import { add, bin, builtin, cast, dimVar, fma, float, forStmt, idiv, ifStmt, imod, int, lane, letStmt, load, lt, mul, select, splat, storeStmt, sub, un, variable, varStmt, setStmt, vec, typeOf } from "../../compiler/codegen/kernel-build.ts";
import type { Expr, Kernel, Stmt } from "../../compiler/codegen/kernel-ir.ts";
import { fuseMultiplyAdd, hasRelaxedSimd } from "../../runtime/cpu/relaxed.ts";
import { runKernel } from "./wasm-harness.ts";

const kernel = (body: readonly Stmt[], elements: readonly ("f32" | "i32")[], dims: readonly string[] = []): Kernel => ({
  name: "k", target: "cpu", shared: [{ name: "tmp", element: "f32", size: 8 }], dims, body,
  buffers: elements.map((element, i) => ({ name: `b${i}`, access: "read_write", element })),
});

test("threads share a loop; unrolled counters go into the addresses", () => {
  const i = variable("i"), j = variable("j");
  const k = kernel([
    forStmt("i", builtin("thread"), dimVar("N"), [
      forStmt("j", int(0), int(4), [storeStmt("b0", add(mul(i, int(4)), j), cast(add(mul(i, int(10)), j), "f32"))], 1, true),
    ], 2),
  ], ["f32"], ["M", "N"]);
  const out = new Float32Array(12);
  runKernel(k, [out], { dims: { M: 9, N: 3 }, threads: 2 });
  expect([...out]).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
});

test("scratch, branches, lanes and selects", () => {
  const a = load("b0", int(0), "f32", 4);
  const v = variable("v", typeOf("f32", 4)), s = variable("s", typeOf("f32"));
  const k = kernel([
    letStmt("v", add(a, splat(float(1)))),
    storeStmt("tmp", int(4), v),
    varStmt("s", float(0)),
    forStmt("i", int(0), int(4), [setStmt("s", add(s, load("tmp", add(variable("i"), int(4)))))]),
    ifStmt(lt(s, float(100)), [storeStmt("b0", int(0), s)], [storeStmt("b0", int(0), float(-1))]),
    storeStmt("b0", int(1), lane(v, 3)),
    storeStmt("b0", int(4), select(bin("gt", v, splat(float(3))), v, splat(float(0)))),
    storeStmt("b0", int(8), vec([float(1), s, lane(v, 1), float(4)])),
    storeStmt("b0", int(12), fma(a, v, splat(s))),
  ], ["f32"]);
  const out = new Float32Array(16);
  out.set([1, 2, 3, 4]);
  runKernel(k, [out]);
  // The last line reads b0 again: its first two elements have changed.
  expect([...out]).toEqual([14, 5, 3, 4, 0, 0, 4, 5, 1, 14, 3, 4, 14 * 2 + 14, 5 * 3 + 14, 3 * 4 + 14, 4 * 5 + 14]);
});

// A scalar i32 expression with its value, built together.
interface Both { readonly e: Expr; readonly v: number }
const leaf = fc.integer({ min: 0, max: 1000 }).map((v): Both => ({ e: int(v), v }));
const buffer = Int32Array.of(3, 17, 0, 5, 9, 1, 250, 4);
const fromMemory = fc.integer({ min: 0, max: 7 }).map((i): Both => ({ e: load("b0", int(i), "i32"), v: buffer[i]! }));
const trees = fc.letrec<{ tree: Both }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf, fromMemory,
    fc.tuple(fc.constantFrom("add", "mul", "min", "max", "idiv", "imod", "bitand", "bitxor", "sub"), tie("tree"), tie("tree")).map(([fn, x, y]): Both => {
      const a = x.v, b = y.v;
      const divisor = b <= 0 ? { e: int(7), v: 7 } : y;
      switch (fn) {
        case "add": return { e: add(x.e, y.e), v: (a + b) | 0 };
        case "sub": return { e: sub(x.e, y.e), v: (a - b) | 0 };
        case "mul": return { e: mul(x.e, y.e), v: Math.imul(a, b) };
        case "min": return { e: bin("min", x.e, y.e), v: Math.min(a, b) };
        case "max": return { e: bin("max", x.e, y.e), v: Math.max(a, b) };
        case "idiv": return a < 0 ? x : { e: idiv(x.e, divisor.e), v: Math.floor(a / divisor.v) };
        case "imod": return a < 0 ? x : { e: imod(x.e, divisor.e), v: a % divisor.v };
        case "bitand": return { e: bin("bitand", x.e, y.e), v: a & b };
        default: return { e: bin("bitxor", x.e, y.e), v: a ^ b };
      }
    }),
  ),
})).tree;

test("integer expressions, alone and in lanes", () => {
  fc.assert(fc.property(trees, ({ e, v }) => {
    const out = new Int32Array(8);
    runKernel(kernel([storeStmt("b1", int(0), e), storeStmt("b1", int(4), bin("add", splat(e), vec([int(0), int(1), int(2), int(3)])))], ["i32", "i32"]), [buffer.slice(), out]);
    return out[0] === v && out[4] === v && out[7] === ((v + 3) | 0);
  }), { numRuns: 200 });
});

test("wide integer division goes lane by lane, and division by zero does not trap", () => {
  const out = new Int32Array(12);
  const a = load("b0", int(0), "i32", 4), b = load("b0", int(4), "i32", 4);
  runKernel(kernel([storeStmt("b1", int(0), bin("div", a, b)), storeStmt("b1", int(4), bin("imod", b, splat(int(4)))), storeStmt("b1", int(8), un("neg", lane(a, 1)))], ["i32", "i32"]), [Int32Array.of(7, -7, 9, 5, 2, 2, 0, 5), out]);
  expect([...out]).toEqual([3, -3, 9, 1, 2, 2, 0, 1, 7, 0, 0, 0]);
});

test("marked multiply-adds become fused ones, also nested", () => {
  const a = load("b0", int(0), "f32", 4), b = load("b0", int(4), "f32", 4);
  const k = kernel([storeStmt("b0", int(8), fma(a, b, fma(fma(b, b, a), a, b)))], ["f32"]);
  const plain = encodeModule([k], { dims: [] });
  const fused = fuseMultiplyAdd(plain);
  expect(fused.length).toBe(plain.length);
  expect(fused).not.toEqual(plain);
  expect(WebAssembly.validate(plain as BufferSource)).toBe(true);
  expect(WebAssembly.validate(fused as BufferSource)).toBe(hasRelaxedSimd());
  const out = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0);
  runKernel(k, [out], {}, hasRelaxedSimd() ? fuseMultiplyAdd : (x) => x);
  expect([...out.subarray(8)]).toEqual([1, 2, 3, 4].map((x, i) => { const y = i + 5; return x * y + ((y * y + x) * x + y); }));
});
