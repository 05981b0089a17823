/** Routes and switches on numbers: the laws of semantics.md, sections 4 and 5, on real adapters. */
import { rmSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { open, type DeviceName } from "../../index.ts";

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

async function logits(composition: string, device: DeviceName, key: readonly string[] = Array.from({ length: rows }, () => "none")): Promise<Float32Array> {
  const file = join(folder, "spec.adapt");
  // What a model does not name is left out, so that a spec has no warnings.
  const used = (line: string): boolean => !/^(input|adapter|router \w+ =)/.test(line) || new RegExp(`\\b${/^(?:input|adapter|router) (\w+)/.exec(line)![1]}\\b`).test(composition);
  writeFileSync(file, `${program.split("\n").filter(used).join("\n")}\nexport model m = llama with ${composition}\n`);
  const session = await open(file, { device });
  try {
    const out = (await session.run({ input_ids, ...(composition.includes("request.key") ? { key } : {}) }, { outputs: ["logits"] })).logits!;
    return out.data as Float32Array;
  } finally {
    session.dispose();
  }
}

function distance(a: Float32Array, b: Float32Array): number {
  const away = a.reduce((s, x, i) => s + (x - b[i]!) ** 2, 0), size = b.reduce((s, x) => s + x * x, 0);
  return Math.sqrt(away / size);
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
