/** Routes and switches on numbers: the laws of semantics.md, sections 4 and 5, on real adapters. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { open, type DeviceName } from "../../index.ts";
import { distance, logitsOf, withSpec } from "./spec-runs.ts";

const golden = resolve(import.meta.dirname, "../fixtures/golden");
const folder = mkdtempSync(join(tmpdir(), "adapt-routing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Low-rank adapters of different sizes and sites, one that scales, and routers without weights of their own. */
const program = `edition 2026

base llama = pretrained("${golden}/bases/llama")
adapter low = pretrained("${golden}/peft/weighted-linear/adapters/one") on llama
adapter twin = pretrained("${golden}/peft/weighted-linear/adapters/one") on llama
adapter other = pretrained("${golden}/peft/weighted-linear/adapters/two") on llama
adapter wide = pretrained("${golden}/peft/lora-all-linear/adapters/default") on llama
adapter gain = pretrained("${golden}/peft/ia3/adapters/default") on llama

input key: String

router soft() over N adapters at x: Hidden[D] {
  weights = softmax(slice(mean_token(x, real), 1, 0, N))
}

router hard() over N adapters at x: Hidden[D] {
  weights = one_hot(argmax(slice(mean_token(x, real), 1, 0, N)), N)
}

router even() over N adapters at y: output of Hidden[D] {
  weights = expand(vector([0.5, 2.0]), [D, N], [1])
}

router gate = soft() per sequence at each site
router features = even() at each site
router choice = hard() per sequence at each site
`;

const rows = 4, length = 6;
const input_ids = { dtype: "i32" as const, shape: [rows, length], data: Int32Array.from({ length: rows * length }, (_, i) => (i * 37 + 11) % 300) };

function logits(composition: string, device: DeviceName, key: readonly string[] = Array.from({ length: rows }, () => "none")): Promise<Float32Array> {
  // What a model does not name is left out, so that a spec has no warnings.
  const used = (line: string): boolean => !/^(input|adapter|router \w+ =)/.test(line) || new RegExp(`\\b${/^(?:input|adapter|router) (\w+)/.exec(line)![1]}\\b`).test(composition);
  const text = `${program.split("\n").filter(used).join("\n")}\nexport model m = llama with ${composition}\n`;
  return withSpec(join(folder, "spec.adapt"), text, device, logitsOf({ input_ids, ...(composition.includes("request.key") ? { key } : {}) }));
}

describe.each<DeviceName>(["reference", "cpu", "webgpu"])("on %s", (device) => {
  test("a row of a switch is that row with its adapter alone (L16)", { timeout: 180_000 }, async () => {
    const alone = [await logits("low", device), await logits("wide", device), await logits("gain", device), await logits("none", device)];
    const each = alone[0]!.length / rows;
    const got = await logits('switch request.key { "low" => low, "wide" => wide, "gain" => gain, _ => none }', device, ["low", "wide", "gain", "another"]);
    for (let r = 0; r < rows; r++) {
      const own = (l: Float32Array): Float32Array => l.subarray(r * each, (r + 1) * each);
      expect(distance(own(got), own(alone[r]!)), `row ${r}`).toBeLessThan(1e-5);
      expect(distance(own(got), own(alone[(r + 1) % rows]!)), `row ${r} and the next arm`).toBeGreaterThan(1e-2);
    }
  });
});

test("weights of each feature, all alike, are one weight for each candidate", async () => {
  const weighted = await logits("0.5 * wide + 2 * low", "reference");
  expect(distance(await logits("route(features) { wide, low }", "reference"), weighted)).toBeLessThan(1e-6);
});

describe("a router that makes the inputs of its candidates", () => {
  const method = (reading: string, effect: string): string => `edition 2026

import { Linear } from "std/modules"

method Beside(width: Int) on h: Hidden[D]${reading} {
  param down: Linear[D -> width]
  param up: Linear[width -> D]
  h = h + ${effect}
}

format expert for Beside {
  tensor down = "layers.{layer}.moa_ffn.moa.{number}.linear_downsample"
  tensor up = "layers.{layer}.moa_ffn.moa.{number}.linear_upsample"
}

base vit = pretrained("${golden}/bases/vit")
`;
  const adapters = (sites: string): string => [0, 1].map((n) => `adapter expert${n} = Beside(width: 12) on ${sites} from "${golden}/systems/S079-soft-moa/params.safetensors"\n`).join("");
  const head = `${method("", "up(gelu(down(h.input)))")}${adapters("vit.vit.layers[*].mlp")}`;
  const own = `router own() over N adapters at x: Hidden[D] {
  let t = size(x, 1)
  inputs = expand(x, [size(x, 0), N, t, D], [0, 2, 3])
  weights = 0.5 * expand(one_hot(arange(t), t), [size(x, 0), t, N, t], [1, 3])
}
`;
  const run = async (more: string): Promise<Float32Array> => {
    const file = join(folder, "slots.adapt");
    writeFileSync(file, `${head}${more}`);
    const session = await open(file, { device: "reference" });
    try {
      const pixel_values = { dtype: "f32" as const, shape: [1, 3, 32, 32], data: Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i)) };
      return (await session.run({ pixel_values }, { outputs: ["logits"] })).logits!.data as Float32Array;
    } finally {
      session.dispose();
    }
  };

  test("is a route where every token is a slot of its own", { timeout: 60_000 }, async () => {
    const got = await run(`${own}export model m = vit with route(own()) { expert0, expert1 }\n`);
    expect(distance(got, await run("export model m = vit with 0.5 * expert0 + 0.5 * expert1\n"))).toBeLessThan(1e-6);
    expect(distance(got, await run("export model m = vit with expert0 + 0 * expert1\n"))).toBeGreaterThan(1e-3);
  });

  test("is possible in the encoder of a model whose decoder continues", { timeout: 60_000 }, async () => {
    const text = `edition 2026

base t5 = pretrained("${golden}/bases/t5")
adapter law = pretrained("${golden}/peft/lora-t5/adapters/default") on t5.encoder.block[*].layer[*].SelfAttention.{q, v}

router own() over N adapters at x: Hidden[D] {
  let t = size(x, 1)
  let shape = [size(x, 0), t, N, t]
  inputs = expand(x, [size(x, 0), N, t, D], [0, 2, 3])
  weights = 0.5 * float(expand(arange(t), shape, [1]) == expand(arange(t), shape, [3]))
}

export model m = t5 with route(own()) { law, none }
export model n = t5 with 0.5 * law
`;
    const file = join(folder, "encoder.adapt");
    writeFileSync(file, text);
    const ids = { dtype: "i32" as const, shape: [2, 5], data: Int32Array.from({ length: 10 }, (_, i) => 3 + i) };
    const written = async (model: string): Promise<unknown> => {
      const session = await open(file, { device: "cpu", threads: 1, model });
      const greedy = await session.greedy({ input_ids: ids }, 6);
      session.dispose();
      return [...greedy.data];
    };
    expect(await written("m")).toEqual(await written("n"));
  });

  test("refuses candidates that read anything else", async () => {
    const other = `${method(" reading y: output of Linear[E -> F]", "y")}${adapters("vit.vit.layers[*].mlp reading vit.vit.layers[*].mlp.fc2")}`;
    writeFileSync(join(folder, "slots.adapt"), `${other}${own}export model m = vit with route(own()) { expert0, expert1 }\n`);
    await expect(open(join(folder, "slots.adapt"), { device: "reference" })).rejects.toThrow(/A0405[^]*`Beside` reads `output` of/);
  });
});

describe("mixing spaces", () => {
  const route = (router: string, mix: string, members: string): Promise<Float32Array> => logits(`route(${router}, mix: ${mix}) { ${members} }`, "reference");

  test("products and weights mix as outputs do where the candidates are maps (L17)", async () => {
    const outputs = await route("gate", "outputs", "low, other");
    expect(distance(await route("gate", "products", "low, other"), outputs)).toBeLessThan(1e-6);
    expect(distance(await route("gate", "weights", "low, other"), outputs)).toBeLessThan(1e-6);
    expect(distance(await route("gate", "outputs", "other, low"), outputs), "the candidates exchanged").toBeGreaterThan(1e-3);
  });

  test("factors mix as products do where one candidate is chosen or all are equal, and differ elsewhere (L17, L18)", async () => {
    expect(distance(await route("choice", "factors", "low, other"), await route("choice", "products", "low, other"))).toBeLessThan(1e-6);
    expect(distance(await route("gate", "factors", "low, twin"), await logits("low", "reference"))).toBeLessThan(1e-6);
    expect(distance(await route("gate", "factors", "low, other"), await route("gate", "products", "low, other"))).toBeGreaterThan(1e-3);
  });
});
