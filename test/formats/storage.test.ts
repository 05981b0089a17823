import fc from "fast-check";
import { expect, it } from "vitest";
import { decode, encode, halfToNumber, numberToBf16, numberToHalf } from "../../formats/storage.ts";

it("keeps every half through f32", () => {
  for (let h = 0; h < 65536; h++) {
    const x = halfToNumber(h);
    if (Number.isNaN(x)) expect(Number.isNaN(halfToNumber(numberToHalf(x)))).toBe(true);
    else if (numberToHalf(x) !== h) throw new Error(`half ${h.toString(16)} became ${numberToHalf(x).toString(16)}`);
  }
});

it("rounds to the nearest half, ties to even", () => {
  const cases: [number, number][] = [
    [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [65504, 0x7bff], [65519.996, 0x7bff], [65520, 0x7c00], [1e9, 0x7c00],
    [2 ** -24, 1], [2 ** -25, 0], [1.5 * 2 ** -24, 2], [-(2 ** -14), 0x8400], [-0, 0x8000], [-Infinity, 0xfc00],
  ];
  for (const [x, h] of cases) expect([x, numberToHalf(x)]).toEqual([x, h]);
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (x) => {
      const h = numberToHalf(x), back = halfToNumber(h);
      for (const d of [-1, 1]) {
        const other = halfToNumber((h & 0x8000) | Math.max(0, (h & 0x7fff) + d));
        if (Number.isFinite(other)) expect(Math.abs(x - back)).toBeLessThanOrEqual(Math.abs(x - other));
      }
    }),
  );
});

it("rounds to the nearest bf16, ties to even", () => {
  const cases: [number, number][] = [[1, 0x3f80], [1 + 2 ** -8, 0x3f80], [1 + 3 * 2 ** -8, 0x3f82], [-2, 0xc000], [Infinity, 0x7f80]];
  for (const [x, b] of cases) expect([x, numberToBf16(x)]).toEqual([x, b]);
  const nan = new Float32Array(1);
  decode("bf16", encode("bf16", [NaN]), nan);
  expect(nan[0]).toBeNaN();
});

it("decodes floats, from places that are not aligned too", () => {
  for (const type of ["f64", "f32", "f16", "bf16"] as const) {
    const bytes = encode(type, [1, -0.5, 2, 0]);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const out = new Float32Array(6).fill(9);
    expect(decode(type, shifted.subarray(1), out, 1)).toBeUndefined();
    expect([...out]).toEqual([9, 1, -0.5, 2, 0, 9]);
  }
});

it("decodes integers", () => {
  for (const [type, values] of [
    ["i64", [5, -6, 2147483647, -2147483648]], ["u64", [5, 2147483647]], ["u32", [1, 2147483647]], ["i32", [-1, 3]],
    ["i16", [-7, 300]], ["u16", [65535]], ["i8", [-128]], ["u8", [255]], ["bool", [0, 1]],
  ] as const) {
    const out = new Int32Array(values.length);
    expect(decode(type, encode(type, values), out)).toBeUndefined();
    expect([...out]).toEqual([...values]);
  }
});

it("reports integers that i32 cannot hold, with their place", () => {
  const out = new Int32Array(3);
  expect(decode("i64", encode("i64", [1, 2 ** 31, 0]), out)).toEqual({ index: 1, value: "2147483648" });
  expect(decode("i64", encode("i64", [-(2 ** 31) - 1]), out)).toEqual({ index: 0, value: "-2147483649" });
  expect(decode("u64", encode("u64", [-1]), out)).toEqual({ index: 0, value: "18446744073709551615" });
  expect(decode("u32", encode("u32", [0, 2 ** 31]), out)).toEqual({ index: 1, value: "2147483648" });
});
