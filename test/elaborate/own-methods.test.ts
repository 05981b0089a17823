/** Methods that no library has, declared in Adapt alone, against PyTorch. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { distance, elaborateText, logitsOf } from "./golden-case.ts";

const dir = join(import.meta.dirname, "../fixtures/oracle/methods/own");
const methods = `
import { Linear } from "std/modules"

method Neck(width: Int 1.., activation: Activation = Activation.gelu) on h: Hidden[D] {
  param down: Linear[D -> width]
  param up: Linear[width -> D]
  h = h + up(activation(down(h)))
}

method Gain() on y: output of Linear[I -> O] {
  param l: [O] init one
  y = l * y
}

method Shift() on x: input of Linear[I -> O] {
  param s: [I] init zero
  x = x + s
}

method Normed(rank: Int 1..) on w: Linear[I -> O] {
  param A: [rank, I]
  param B: [O, rank]
  param m: [O, 1]
  let v = w + B @ A
  w = m * v / sqrt(sum(v * v))
}
`;
const program = (model: string): string => `edition 2026
${methods}
base smol = pretrained("${join(dir, "../../bases/llama-sharded")}")
adapter neck = Neck(width: 6) on smol.model.layers[*].mlp from "${dir}/neck"
adapter gain = Gain() on smol.model.layers[*].self_attn.{q_proj, o_proj} from "${dir}/gain"
adapter norm = Normed(rank: 3) on smol.model.layers[*].self_attn.q_proj from "${dir}/norm"
adapter shift = Shift() on smol.model.layers[*].mlp.up_proj from "${dir}/shift"

export model m = smol with ${model}
`;

test("bottleneck, gain, shift and a map replaced by its normalised change", async () => {
  const checked = await elaborateText(program("0.5 * neck + gain then norm then shift"));
  // The gain and the norm change one map, and the other order is another model.
  expect(new Set(checked.messages.match(/A\d{4}\]/g))).toEqual(new Set(["A0313]"]));
  expect(distance(logitsOf(checked, dir), dir)).toBeLessThan(1e-5);
});

test("a part left out is noticed", async () => {
  const checked = await elaborateText(program("gain then norm then shift then 0 * neck"));
  expect(distance(logitsOf(checked, dir), dir)).toBeGreaterThan(1e-2);
});
