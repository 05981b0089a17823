/** 16-bit floats inside kernels: every one of them widened, and rounding back as the formats have it, four at a time and alone. */
import { expect, test } from "vitest";
import { loadStored, narrow, storeStored, type Stored } from "../../compiler/codegen/cpu/stored-numbers.ts";
import { forStmt, int, load, storeStmt, variable } from "../../compiler/codegen/kernel-build.ts";
import type { Kernel, Stmt } from "../../compiler/codegen/kernel-ir.ts";
import { decode, encode } from "../../formats/storage.ts";
import { philox } from "../../ir/philox.ts";
import { randomKernel } from "../../compiler/codegen/cpu/stream.ts";
import { runKernel } from "./wasm-harness.ts";

const c = variable("c");
const kernel = (body: Stmt, n: number, lanes: 1 | 4): Kernel => ({
  name: "k", target: "cpu", shared: [], dims: [], body: [forStmt("c", int(0), int(n), [body], lanes)],
  buffers: [{ name: "x", element: "u32", access: "read" }, { name: "y", element: "u32", access: "read_write" }],
});

test.each<[Exclude<Stored, "f32">, 1 | 4]>([["f16", 1], ["f16", 4], ["bf16", 1], ["bf16", 4]])("every %s widens, %i at a time", (type, lanes) => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i), want = new Float32Array(65536), got = new Float32Array(65536);
  decode(type, new Uint8Array(all.buffer), want);
  runKernel(kernel(storeStmt("y", c, loadStored("x", c, type, lanes)), 65536, lanes), [new Int32Array(all.buffer), got]);
  for (let i = 0; i < 65536; i++) if (!Object.is(got[i], want[i]) && !(Number.isNaN(got[i]) && Number.isNaN(want[i]))) throw new Error(`${i}: ${got[i]} is not ${want[i]}`);
});

test.each<[Exclude<Stored, "f32">, 1 | 4]>([["f16", 1], ["f16", 4], ["bf16", 1], ["bf16", 4]])("f32 rounds to %s, %i at a time", (type, lanes) => {
  const x = new Float32Array(65536), u = new Float64Array(65536);
  philox([1, 2], 0, u);
  // Values around halves of the last place, over all exponents, zeros and infinities.
  const whole = Uint16Array.from({ length: 65536 }, (_, i) => i);
  decode(type, new Uint8Array(whole.buffer), x);
  for (let i = 0; i < x.length; i++) x[i] = Number.isNaN(x[i]) ? i : i % 3 === 0 ? (x[i]! + (i + 1 < x.length ? x[i + 1]! : 0)) / 2 : i % 3 === 1 ? x[i]! * (1 + 2 ** -12 * (u[i]! - 0.5)) : x[i]!;
  for (let i = 0; i < x.length; i++) if (Number.isNaN(x[i])) x[i] = 1;
  x.set([0, -0, 65504, 65519.99, 65520, -65520, 1e-8, 2 ** -24, 2 ** -25, 3 * 2 ** -25, 1e38, Infinity, -Infinity, 2 ** -14, 2 ** -14 * 0.9999]);
  const got = new Uint16Array(65536), want = encode(type, x);
  runKernel(kernel(storeStored("y", c, narrow({ ...load("x", c, "f32", lanes) }, type), type), 65536, lanes), [x, new Int32Array(got.buffer)]);
  const expected = new Uint16Array(want.buffer, want.byteOffset, 65536);
  for (let i = 0; i < 65536; i++) if (got[i] !== expected[i]) throw new Error(`${x[i]}: ${got[i]} is not ${expected[i]}`);
});

test("random numbers of kernels are those of the stream", () => {
  const want = new Float32Array(160), got = new Float32Array(160);
  philox([0x12345678, 0x9abcdef0], 64, want);
  runKernel(randomKernel(), [Int32Array.of(0x12345678, 0x9abcdef0 | 0, 16), got], { dims: { N: 160 }, threads: 3 });
  expect([...got]).toEqual([...want]);
});
