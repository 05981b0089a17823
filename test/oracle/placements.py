"""LoRA adapters whose config places them in unusual ways, as PEFT loads them from the files it wrote.

Run after bases.py: python3 test/oracle/placements.py
Needs torch, transformers, peft and safetensors; the files it writes are committed, so tests need none of them.
Unlike adapters.py, the expected numbers come from the directory as it lies on disk (after edits of the config).
"""
import json
import os

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from adapters import randomise_adapter
from bases import V, reference
from common import OUT, distance, expect, folder, inputs, write_json


def case(name, base, options, seed, edit=None, least=0.05):
    path = folder("peft", name)
    given = inputs(V, seed)
    plain = reference(os.path.join(OUT, "bases", base))
    with torch.no_grad():
        before = plain(**given).logits
    model = get_peft_model(plain, LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path=f"bases/{base}", **options), adapter_name="a")
    randomise_adapter(model, "a", seed)
    for config in model.peft_config.values():
        config.base_model_name_or_path = f"bases/{base}"
    model.save_pretrained(os.path.join(path, "adapters"))
    os.remove(os.path.join(path, "adapters", "README.md"))
    saved = os.path.join(path, "adapters", "a")
    if edit:
        with open(os.path.join(saved, "adapter_config.json")) as f:
            config = json.load(f)
        edit(config)
        with open(os.path.join(saved, "adapter_config.json"), "w") as f:
            json.dump(config, f, indent=2)
    again = PeftModel.from_pretrained(reference(os.path.join(OUT, "bases", base)), saved).eval()
    logits = expect(again, given, path, 12)
    change = distance(logits, before)
    assert change > least, (name, change)
    write_json(path, "case.json", {
        "case": name, "base": base, "adapters": ["a"], "method": "LORA",
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
        "change_vs_base": change,
    })
    print(f"{name}: {change:.3f}")


def main():
    linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    case("embedding-patterns", "llama-sharded", dict(
        r=4, lora_alpha=8, target_modules=["embed_tokens", "v_proj"], rank_pattern={"embed_tokens": 6}, alpha_pattern={"embed_tokens": 2}), 51)
    case("head-and-embedding", "llama-sharded", dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "lm_head"]), 52)
    case("layers-pattern", "llama-bf16-sharded", dict(
        r=4, lora_alpha=8, target_modules=linears, layers_to_transform=[0, 2], layers_pattern="layers"), 53)
    # q_proj of layer 0 fits both entries: the first of the file wins, and the file is not sorted.
    case("patterns-overlap", "llama-sharded", dict(
        r=4, lora_alpha=8, target_modules=["q_proj", "k_proj"], alpha_pattern={"q_proj": 24, "layers.0.self_attn.q_proj": 3}), 54,
        lambda c: c.update(alpha_pattern={"self_attn.q_proj": 24, "layers.0.self_attn.q_proj": 3}))
    case("rslora-patterns", "qwen2-untied", dict(
        r=4, lora_alpha=8, use_rslora=True, target_modules=linears, rank_pattern={"mlp.(gate|up)_proj": 9, r".*layers\.1\..*down_proj": 2},
        alpha_pattern={"q_proj": 5}), 55)
    case("all-linear-tied", "qwen2-tied", dict(r=4, lora_alpha=8, target_modules="all-linear"), 56, lambda c: c.update(target_modules="all-linear"))
    case("all-linear-excluding", "llama-head-dim", dict(r=4, lora_alpha=8, target_modules="all-linear", exclude_modules=["o_proj", "mlp.up_proj"]), 57)
    case("saved-embedding", "llama-sharded", dict(r=4, lora_alpha=8, target_modules=["q_proj"], modules_to_save=["embed_tokens"]), 58)
    case("saved-embedding-tied", "qwen2-tied", dict(r=4, lora_alpha=8, target_modules=["q_proj"], modules_to_save=["embed_tokens"]), 59)
    case("saved-norms", "llama-biases", dict(r=4, lora_alpha=8, target_modules=["down_proj"], modules_to_save=["norm", "o_proj"]), 60)
    case("lookahead", "mistral", dict(r=4, lora_alpha=8, target_modules=r"^(?!.*(?:lm_head|layers\.1\.mlp)).*\.(?:up|down|q|o)_proj$"), 61)
    case("layer-zero-only", "mistral-full", dict(r=4, lora_alpha=8, target_modules=["v_proj", "model.layers.1.self_attn.k_proj"], layers_to_transform=0), 62)
    case("bias-all", "llama-biases", dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], bias="all"), 63)
    case("default-targets", "mistral", dict(r=4, lora_alpha=8), 64, lambda c: c.update(target_modules=None))
    case("index-like-keys", "llama-sharded", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], alpha_pattern={"q_proj": 24}), 65,
         lambda c: c.update(alpha_pattern={"q_proj": 24, "7": 5, ".*": 2, "0": 1}))


if __name__ == "__main__":
    main()
