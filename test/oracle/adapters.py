"""LoRA adapters over the bases of bases.py, as PEFT saves and applies them.

Run after bases.py: python3 test/oracle/adapters.py
Needs torch, transformers, peft and safetensors; the files it writes are committed, so tests need none of them.
"""
import os

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer

from bases import V, reference
from common import OUT, distance, expect, folder, inputs, write_json


def randomise_adapter(model, name, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if f".{name}" not in n and not (n.endswith("bias") and p.requires_grad):
                continue
            std = 0.3 if n.endswith("bias") else 0.5 / p.shape[-1] ** 0.5
            p.copy_(torch.randn(p.shape, generator=generator) * std)


def case(name, base, configs, seed, active=None, scales=None, operation=None):
    """Adapters `configs` over a base; with `scales` each active one is multiplied."""
    path = folder("peft", name)
    plain = reference(os.path.join(OUT, "bases", base))
    given = inputs(V, seed)
    with torch.no_grad():
        before = plain(**given).logits
    only = list(configs)
    model = None
    for i, (adapter, options) in enumerate(configs.items()):
        config = LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path=f"bases/{base}", **options)
        if model is None:
            model = get_peft_model(plain, config, adapter_name=adapter)
        else:
            model.add_adapter(adapter, config)
        randomise_adapter(model, adapter, seed + i)
    model.eval()
    for config in model.peft_config.values():
        config.base_model_name_or_path = f"bases/{base}"
    model.save_pretrained(os.path.join(path, "adapters"))
    os.remove(os.path.join(path, "adapters", "README.md"))
    model.base_model.set_adapter(active or only)
    for adapter, scale in (scales or {}).items():
        for module in model.modules():
            if isinstance(module, LoraLayer) and adapter in module.scaling:
                module.scaling[adapter] *= scale
    logits = expect(model, given, path, 12)
    change = distance(logits, before)
    assert change > 0.05, (name, change)
    write_json(path, "case.json", {
        "case": name, "base": base, "adapters": only, "method": "LORA",
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
        **({"operation": operation, "active": active or only} if operation else {}),
        **({"scales": scales} if scales else {}),
        "change_vs_base": change,
    })
    print(f"{name}: {change:.3f}")


def main():
    linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    case("mistral-lora", "mistral", {"a": dict(r=4, lora_alpha=8, target_modules=linears)}, 31)
    case("mistral-rslora-layers", "mistral", {"a": dict(r=4, lora_alpha=4, use_rslora=True, target_modules=["q_proj", "down_proj"], layers_to_transform=[1])}, 32)
    case("sharded-lora", "llama-sharded", {"a": dict(r=2, lora_alpha=6, target_modules="all-linear")}, 33)
    case("bf16-tied-lora", "llama-bf16", {"a": dict(r=4, lora_alpha=8, target_modules=["v_proj", "up_proj", "embed_tokens"])}, 34)
    case("f16-regex-patterns", "llama-f16", {"a": dict(
        r=4, lora_alpha=8, target_modules=r".*\.layers\.\d+\.(self_attn\.(q|k)_proj|mlp\.up_proj)",
        rank_pattern={r"layers\.0\.self_attn\.q_proj": 2, "k_proj": 6}, alpha_pattern={"layers.1.mlp.up_proj": 3, r"^model\.layers\.0\.self_attn\.k_proj": 12})}, 35)
    case("qwen2-untied-head", "qwen2-untied", {"a": dict(r=4, lora_alpha=8, target_modules=["lm_head", "o_proj", "k_proj"])}, 36)
    case("biases-trained", "llama-biases", {"a": dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], bias="lora_only", lora_bias=True)}, 37)
    two = {"law": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]), "code": dict(r=2, lora_alpha=2, target_modules=["v_proj", "gate_proj"])}
    case("weighted-sum", "llama-sharded", two, 38, scales={"law": 0.7, "code": 0.3}, operation="active")
    case("unscaled-difference", "llama-head-dim", two, 39, scales={"law": 1.5, "code": -0.5}, operation="active")


if __name__ == "__main__":
    main()
