/** Keys and values under adapters: which writes reach a state. */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../ir/build.ts";
import { kvPreserving } from "../../compiler/check/kv-preserving.ts";

/** Two layers of key, query and output maps over one value, each with a state of its keys. */
function decoder() {
  const b = new GraphBuilder();
  const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 0 } });
  let x = b.input("x", "f32", [S, 4]);
  const linear = (key: string, v: number): number => b.at({ module: key }, () => b.linear(v, b.param({ source: "m", tensor: `${key}.weight`, storage: "f32", shape: [4, 4] })));
  for (const i of [0, 1]) {
    const k = b.at({ module: `layers.${i}` }, () => b.append(linear(`layers.${i}.k`, x), `k${i}`, 0));
    const seen = b.reduce("sum", k, [0]);
    x = b.add(x, linear(`layers.${i}.o`, b.mul(linear(`layers.${i}.q`, x), b.broadcast(seen, [S, 4], [1]))));
  }
  return b.finish([{ name: "y", node: linear("head", x) }]);
}

test("a key is dirty at once", () => {
  expect(kvPreserving(decoder(), ["layers.0.k"])).toEqual({ value: false, state: "k0", at: "layers.0", from: "layers.0.k" });
});
test("a query makes the next layer dirty", () => {
  expect(kvPreserving(decoder(), ["layers.0.q"])).toEqual({ value: false, state: "k1", at: "layers.1", from: "layers.0.q" });
});
test("the last layer's query, output and head preserve", () => {
  expect(kvPreserving(decoder(), ["layers.1.q", "layers.1.o", "head"])).toEqual({ value: true });
});
test("a module covers what is in it", () => {
  expect(kvPreserving(decoder(), ["layers.1"]).value).toBe(false);
});
