/** The kernel whose module `runtime/cpu/probe.ts` carries: two rows by a panel of 16 columns, as products are computed. */
import { add, float, fma, forStmt, int, letStmt, load, mul, setStmt, splat, storeStmt, typeOf, variable, varStmt } from "../../compiler/codegen/kernel-build.ts";
import { encodeModule } from "../../compiler/codegen/wasm.ts";
import type { Stmt } from "../../compiler/codegen/kernel-ir.ts";

const steps = 256;

export function probeBytes(): Uint8Array {
  const v4 = typeOf("f32", 4), k = variable("k");
  const acc = (r: number, c: number): string => `s${r}${c}`;
  const all = [0, 1].flatMap((r) => [0, 1, 2, 3].map((c) => [r, c] as const));
  const inner: Stmt[] = [
    ...[0, 1].map((r) => letStmt(`x${r}`, splat(load("a", add(k, int(r * steps)))))),
    ...[0, 1, 2, 3].flatMap((c) => [
      letStmt("w", load("b", add(mul(k, int(16)), int(c * 4)), "f32", 4)),
      ...[0, 1].map((r) => setStmt(acc(r, c), fma(variable(`x${r}`, v4), variable("w", v4), variable(acc(r, c), v4)))),
    ]),
  ];
  return encodeModule([{
    name: "probe", target: "cpu", shared: [], dims: [],
    buffers: ["a", "b", "c"].map((name) => ({ name, access: "read_write", element: "f32" })),
    body: [
      ...all.map(([r, c]) => varStmt(acc(r, c), splat(float(0)))),
      forStmt("k", int(0), int(steps), inner),
      ...all.map(([r, c]) => storeStmt("c", int(r * 16 + c * 4), variable(acc(r, c), v4))),
    ],
  }], { dims: [] });
}
