import fc from "fast-check";
import { expect, it } from "vitest";
import { headerHash, headerLength, isProblem, parseHeader, readHeader, writeSafetensors } from "../../formats/safetensors.ts";

const utf8 = new TextEncoder();

/** A file with this header text (any JSON or not) and `dataBytes` bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const json = utf8.encode(typeof header === "string" ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
const f32 = (shape: number[], begin: number, end: number) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

it("reads what it writes", () => {
  const bytes = writeSafetensors(
    [
      { name: "a", dtype: "f32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      { name: "b", dtype: "bf16", shape: [2], data: [0.5, -1] },
      { name: "ids", dtype: "i64", shape: [1, 2], data: [7, -8] },
      { name: "empty", dtype: "f16", shape: [0, 4], data: [] },
      { name: "scalar", dtype: "u8", shape: [], data: [9] },
    ],
    { format: "pt" },
  );
  const header = readHeader(bytes);
  if (isProblem(header)) throw new Error(header.detail);
  expect(header.metadata).toEqual({ format: "pt" });
  expect(header.tensors.map((t) => [t.name, t.dtype, t.shape, t.end - t.begin])).toEqual([
    ["a", "f32", [2, 3], 24], ["b", "bf16", [2], 4], ["ids", "i64", [1, 2], 16], ["empty", "f16", [0, 4], 0], ["scalar", "u8", [], 1],
  ]);
  const ids = header.tensors[2]!;
  expect([...new BigInt64Array(bytes.slice(ids.begin, ids.end).buffer)]).toEqual([7n, -8n]);
});

it.each([
  ["an empty file", new Uint8Array(0), "truncated", undefined],
  ["a file of seven bytes", new Uint8Array(7), "truncated", undefined],
  ["a header longer than the limit", Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1]), "bad_header", undefined],
  ["a header longer than the file", Uint8Array.from([200, 0, 0, 0, 0, 0, 0, 0, 123, 125]), "truncated", undefined],
  ["a header that is not JSON", file("{'a': 1}", 0), "bad_header", undefined],
  ["a header that is a list", file("[1,2]", 0), "bad_header", undefined],
  ["an entry that is a number", file({ a: 1 }, 0), "bad_header", "a"],
  ["an unknown dtype", file({ a: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, 1), "bad_dtype", "a"],
  ["no dtype", file({ a: { shape: [1], data_offsets: [0, 1] } }, 1), "bad_dtype", "a"],
  ["a negative dim", file({ a: f32([-1], 0, 4) }, 4), "bad_header", "a"],
  ["a fractional dim", file({ a: f32([1.5], 0, 6) }, 6), "bad_header", "a"],
  ["a shape past all memory", file({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4), "bad_header", "a"],
  ["offsets that are strings", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":["0","4"]}}', 4), "bad_header", "a"],
  ["offsets in the wrong order", file({ a: f32([0], 8, 4) }, 8), "bad_header", "a"],
  ["offsets that disagree with the shape", file({ a: f32([2], 0, 4) }, 4), "bad_header", "a"],
  ["overlapping tensors", file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), "overlap", "b"],
  ["a tensor outside the file", file({ a: f32([1], 0, 4), b: f32([1], 400, 404) }, 8), "out_of_file", "b"],
  ["a file cut short", file({ a: f32([1], 0, 4), b: f32([4], 4, 20) }, 10), "truncated", "b"],
  ["a hole between tensors", file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), "bad_header", "b"],
  ["bytes after the last tensor", file({ a: f32([1], 0, 4) }, 5), "bad_header", undefined],
  ["a tensor named twice", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8), "duplicate", "a"],
  ["metadata that is not text", file({ __metadata__: { n: 1 } }, 0), "bad_header", undefined],
])("refuses %s", (_, bytes, problem, tensor) => {
  const found = readHeader(bytes);
  expect(isProblem(found) && [found.problem, found.tensor]).toEqual([problem, tensor]);
});

it("never throws on random bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readHeader(bytes)), { numRuns: 500 });
});

it("never throws on random JSON, and what it accepts lies inside the file without overlap", () => {
  const entry = fc.record({
    dtype: fc.constantFrom("F32", "F16", "I64", "X"),
    shape: fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }),
    data_offsets: fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })),
  });
  const header = fc.oneof(fc.json(), fc.dictionary(fc.string({ maxLength: 3 }), fc.oneof({ weight: 5, arbitrary: entry }, fc.jsonValue())).map((d) => JSON.stringify(d)));
  fc.assert(
    fc.property(header, fc.integer({ min: 0, max: 60 }), (text, data) => {
      const json = utf8.encode(text);
      const found = parseHeader(json, 8 + json.length + data);
      if (isProblem(found)) return;
      const sorted = [...found.tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
      sorted.forEach((t, i) => expect(t.begin).toBe(i ? sorted[i - 1]!.end : 8 + json.length));
      expect(sorted.at(-1)?.end ?? 8 + json.length).toBe(8 + json.length + data);
    }),
    { numRuns: 1000 },
  );
});

it("never throws when one byte of a good file changes", () => {
  const good = writeSafetensors([{ name: "w", dtype: "f16", shape: [2, 2], data: [1, 2, 3, 4] }, { name: "b", dtype: "f32", shape: [2], data: [1, 2] }]);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bad = good.slice();
      bad[at] = value;
      void readHeader(bad);
    }),
    { numRuns: 500 },
  );
});

it("bounds the header by the file before reading it", () => {
  expect(headerLength(Uint8Array.from([16, 0, 0, 0, 0, 0, 0, 0]), 24)).toEqual({ length: 16 });
  expect(isProblem(headerLength(Uint8Array.from([17, 0, 0, 0, 0, 0, 0, 0]), 24))).toBe(true);
});

it("gives another fingerprint to another header and to another size", () => {
  const [a, b] = [utf8.encode('{"a":1}'), utf8.encode('{"a":2}')];
  expect(new Set([headerHash(a, 100), headerHash(b, 100), headerHash(a, 101), headerHash(a, 100 + 2 ** 32)]).size).toBe(4);
  expect(headerHash(a, 100)).toMatch(/^[0-9a-f]{16}$/);
});
