"""X-LoRA over a base of bases.py: experts as PEFT saves them, the classifier with all of its layers, outputs as PEFT computes.

Run after bases.py: python3 test/oracle/xlora.py
PEFT 0.21's own save leaves the classifier's first layer out (its `.0.` counts as the name of an expert), so the state is
written here from the model in memory, under the names PEFT gives it.
"""
import os

import peft
import torch
import transformers
from peft import LoraConfig, XLoraConfig, get_peft_model
from safetensors.torch import save_file

from adapters import randomise_adapter
from bases import V, reference
from common import OUT, distance, expect, folder, inputs, write_json


def case(name, base, experts, options, seed):
    path = folder("peft", name)
    given = inputs(V, seed)
    places = {}
    for i, (expert, lora) in enumerate(experts.items()):
        model = get_peft_model(reference(os.path.join(OUT, "bases", base)), LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path=f"bases/{base}", **lora), adapter_name=expert)
        randomise_adapter(model, expert, seed + i)
        model.peft_config[expert].base_model_name_or_path = f"bases/{base}"
        model.save_pretrained(os.path.join(path, "adapters"))
        os.remove(os.path.join(path, "adapters", "README.md"))
        places[str(i)] = os.path.join(path, "adapters", expert)
    plain = reference(os.path.join(OUT, "bases", base))
    with torch.no_grad():
        before = plain(**given).logits
    plain.config.use_cache = False
    config = XLoraConfig(task_type="CAUSAL_LM", hidden_size=plain.config.hidden_size, adapters=places, **options)
    model = get_peft_model(plain, config).eval()
    generator = torch.Generator().manual_seed(seed + 99)
    state = {}
    with torch.no_grad():
        for n, p in model.base_model.internal_xlora_classifier.named_parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * (0.5 if p.dim() == 1 else 1.5 / p.shape[-1] ** 0.5))
            state[f"base_model.internal_xlora_classifier.{n}"] = p.detach().clone()
    gate = os.path.join(path, "adapters", "xlora")
    os.makedirs(gate, exist_ok=True)
    save_file(state, os.path.join(gate, "adapter_model.safetensors"), {"format": "pt"})
    config.adapters = {str(i): f"../{e}" for i, e in enumerate(experts)}
    config.base_model_name_or_path = f"bases/{base}"
    config.inference_mode = True
    config.save_pretrained(gate)
    logits = expect(model, given, path, 6)
    change = distance(logits, before)
    assert change > 0.05, (name, change)
    write_json(path, "case.json", {
        "case": name, "base": base, "adapters": [*experts, "xlora"], "method": "XLORA", "operation": "router",
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}", "change_vs_base": change,
    })
    print(name, change)


two = {"one": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]), "two": dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj"])}
three = {**two, "three": dict(r=3, lora_alpha=5, target_modules=["q_proj", "v_proj"])}
case("xlora-layerwise", "llama-1", three, dict(xlora_depth=3, xlora_size=12, layerwise_scalings=True, softmax_temperature=1.3, xlora_dropout_p=0.2, global_scaling_weight=1.5), 71)
case("xlora-top-k", "llama-1", three, dict(xlora_depth=2, xlora_size=10, xlora_dropout_p=0.0, top_k_lora=2, enable_softmax_topk=True), 72)
case("xlora-shared", "llama-1", two, dict(xlora_depth=1, enable_softmax=False, layerwise_scalings=False), 73)
