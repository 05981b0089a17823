/**
 * Writes a random Llama of 88 M parameters (768 hidden, 12 layers, 12/4 heads, 2048 ffn, 16384 tokens, tied head), f32, and
 * random rank-16 LoRAs on all its seven linears in PEFT's layout, under `.cache/`, once. Run: node --import tsx bench/make-llama.ts
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors, type TensorToWrite } from "../formats/safetensors.ts";
import { numbers } from "./linear.ts";

export const shape = { hidden: 768, layers: 12, heads: 12, kvHeads: 4, ffn: 2048, vocabulary: 16384, rank: 16 } as const;

/** Names, output and input widths of the seven linears of a layer. */
const linears: readonly (readonly [string, number, number])[] = [
  ["self_attn.q_proj", 768, 768], ["self_attn.k_proj", 256, 768], ["self_attn.v_proj", 256, 768], ["self_attn.o_proj", 768, 768],
  ["mlp.gate_proj", 2048, 768], ["mlp.up_proj", 2048, 768], ["mlp.down_proj", 768, 2048],
];

/** Bytes of one adapter. */
export const adapterBytes = 4 * shape.layers * shape.rank * linears.reduce((sum, [, n, k]) => sum + n + k, 0);

export interface Benchmark { readonly base: string; readonly adapter: string; readonly spec: string }

/** Names of the adapters of different tenants. */
export const tenants: readonly string[] = Array.from({ length: 8 }, (_, i) => `t${i}`);

/** Paths of the checkpoint, the adapter and a spec that exports `plain` and `tuned`. */
export function makeLlama(root = join(import.meta.dirname, "../.cache")): Benchmark {
  const made = { base: join(root, "llama-88m"), adapter: join(root, "llama-88m-lora"), spec: join(root, "llama-88m.adapt") };
  if (!existsSync(join(made.base, "model.safetensors"))) writeBase(made.base);
  if (!existsSync(join(made.adapter, "adapter_model.safetensors"))) writeAdapter(made.adapter, 1000);
  writeFileSync(made.spec, [
    "edition 2026", "", `base llama = pretrained("./llama-88m")`, `adapter lora = pretrained("./llama-88m-lora") on llama`, "",
    "export model plain = llama", "export model tuned = llama with lora", "",
  ].join("\n"));
  return made;
}

/** A spec that exports `plain` and `mixed`, whose rows choose among eight adapters by name. */
export function makeTenants(root = join(import.meta.dirname, "../.cache")): string {
  makeLlama(root);
  const spec = join(root, "llama-88m-tenants.adapt");
  for (const [i, t] of tenants.entries())
    if (!existsSync(join(root, `llama-88m-${t}`, "adapter_model.safetensors"))) writeAdapter(join(root, `llama-88m-${t}`), 2000 + 1000 * i);
  writeFileSync(spec, [
    "edition 2026", "", `base llama = pretrained("./llama-88m")`, ...tenants.map((t) => `adapter ${t} = pretrained("./llama-88m-${t}") on llama`),
    "input tenant: String", "", "export model plain = llama",
    `export model mixed = llama with switch request.tenant { ${tenants.map((t) => `"${t}" => ${t}, `).join("")}_ => none }`, "",
  ].join("\n"));
  return spec;
}

function tensor(name: string, dims: readonly number[], scale: number, seed: number): TensorToWrite {
  const data = numbers(dims.reduce((a, b) => a * b, 1), seed);
  for (let i = 0; i < data.length; i++) data[i] = data[i]! * scale;
  return { name, dtype: "f32", shape: dims, data: new Uint8Array(data.buffer) };
}
const ones = (name: string, n: number): TensorToWrite => ({ name, dtype: "f32", shape: [n], data: new Float32Array(n).fill(1) });

function writeBase(folder: string): void {
  const { hidden, layers, heads, kvHeads, ffn, vocabulary } = shape;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({
    architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: hidden, intermediate_size: ffn, num_hidden_layers: layers,
    num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: hidden / heads, vocab_size: vocabulary, max_position_embeddings: 4096,
    hidden_act: "silu", rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: true, attention_bias: false, mlp_bias: false,
    bos_token_id: 1, eos_token_id: 2, torch_dtype: "float32",
  }, null, 2));
  let seed = 1;
  const list = [tensor("model.embed_tokens.weight", [vocabulary, hidden], 0.05, seed++), ones("model.norm.weight", hidden)];
  for (let i = 0; i < layers; i++) {
    const path = `model.layers.${i}`;
    for (const [name, n, k] of linears) list.push(tensor(`${path}.${name}.weight`, [n, k], 1 / Math.sqrt(k), seed++));
    list.push(ones(`${path}.input_layernorm.weight`, hidden), ones(`${path}.post_attention_layernorm.weight`, hidden));
  }
  write(join(folder, "model.safetensors"), writeSafetensors(list, { format: "pt" }));
}

function writeAdapter(folder: string, first: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({
    peft_type: "LORA", task_type: "CAUSAL_LM", base_model_name_or_path: "llama-88m", r: shape.rank, lora_alpha: 2 * shape.rank, lora_dropout: 0,
    bias: "none", fan_in_fan_out: false, inference_mode: true, target_modules: linears.map(([name]) => name.split(".").at(-1)),
  }, null, 2));
  let seed = first;
  const list: TensorToWrite[] = [];
  for (let i = 0; i < shape.layers; i++)
    for (const [name, n, k] of linears) {
      const path = `base_model.model.model.layers.${i}.${name}`;
      list.push(tensor(`${path}.lora_A.weight`, [shape.rank, k], 1 / Math.sqrt(k), seed++), tensor(`${path}.lora_B.weight`, [n, shape.rank], 0.02, seed++));
    }
  write(join(folder, "adapter_model.safetensors"), writeSafetensors(list, { format: "pt" }));
}

/** Aside and renamed, so that an interrupted run leaves no half file. */
function write(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(makeLlama(), null, 2));
