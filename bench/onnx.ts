/** A one-node ONNX model, written by hand: `y = x . W` with W inside, for onnxruntime-web. */

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];

function bytes(field: number, content: Uint8Array | string): Uint8Array {
  const data = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return join(Uint8Array.from([...varint(field * 8 + 2), ...varint(data.length)]), data);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const message = (...numbers: number[][]): Uint8Array => Uint8Array.from(numbers.flat());

function valueInfo(name: string, dims: readonly number[]): Uint8Array {
  const shape = join(...dims.map((d) => bytes(1, message(number(1, d)))));
  const tensor = join(message(number(1, 1)), bytes(2, shape));
  return join(bytes(1, name), bytes(2, bytes(1, tensor)));
}

/** Model bytes; `weight` is `[k, n]` row-major, or undefined when `w` is an input too. */
export function matMulModel(m: number, k: number, n: number, weight: Float32Array | undefined): Uint8Array {
  const node = join(bytes(1, "x"), bytes(1, "w"), bytes(2, "y"), bytes(4, "MatMul"));
  const inside = (w: Float32Array): Uint8Array =>
    bytes(5, join(message(number(1, k), number(1, n), number(2, 1)), bytes(8, "w"), bytes(9, new Uint8Array(w.buffer, w.byteOffset, w.byteLength))));
  const w = weight ? inside(weight) : bytes(11, valueInfo("w", [k, n]));
  const graph = join(bytes(1, node), bytes(2, "g"), w, bytes(11, valueInfo("x", [m, k])), bytes(12, valueInfo("y", [m, n])));
  return join(message(number(1, 8)), bytes(7, graph), bytes(8, message(number(2, 17))));
}
