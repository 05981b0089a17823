"""Arrow with general knowledge subtracted (PEFT's `use_gks`) over a base of bases.py: experts as PEFT saves them, outputs as PEFT computes.

Run after bases.py: python3 test/oracle/knowledge.py
PEFT 0.21 finds the prototypes by 15 steps of power iteration from a random start; here it takes 3000, so that they are those of the
singular value decomposition whatever the start.
"""
import os

import peft
import torch
import transformers
from peft import ArrowConfig, LoraConfig, create_arrow_model, get_peft_model
from peft.tuners.lora.arrow import ArrowLoraLinearLayer

from adapters import randomise_adapter
from bases import V, reference
from common import OUT, distance, expect, folder, inputs, write_json

ArrowLoraLinearLayer.top_right_singular_vec_from_BA.__defaults__ = (3000, 1e-8)


def case(name, base, experts, general, options, lora, seed):
    path = folder("peft", name)
    for i, adapter in enumerate([*experts, *general]):
        model = get_peft_model(reference(os.path.join(OUT, "bases", base)), LoraConfig(task_type="CAUSAL_LM", **lora), adapter_name=adapter)
        randomise_adapter(model, adapter, seed + i)
        model.peft_config[adapter].base_model_name_or_path = f"bases/{base}"
        model.save_pretrained(os.path.join(path, "adapters"))
        os.remove(os.path.join(path, "adapters", "README.md"))
    places = lambda names: [os.path.join(path, "adapters", n) for n in names]
    plain = reference(os.path.join(OUT, "bases", base))
    given = inputs(V, seed)
    with torch.no_grad():
        before = plain(**given).logits
    model = create_arrow_model(plain, places(experts), ArrowConfig(**options), general_adapter_paths=places(general)).eval()
    logits = expect(model, given, path, 6)
    change = distance(logits, before)
    assert change > 0.05, (name, change)
    write_json(path, "case.json", {
        "case": name, "base": base, "adapters": [*experts, *general], "method": "LORA", "operation": "router",
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}", "change_vs_base": change,
    })
    print(name, change)


case("arrow-knowledge", "llama-1", ["one", "two", "three"], ["east", "west"], dict(top_k=2, router_temperature=0.5, use_gks=True), dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]), 81)
