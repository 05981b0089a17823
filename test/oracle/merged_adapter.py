"""Loads a merged adapter that `adapt merge` wrote with PEFT, and prints the relative distance of its logits from expected ones.

    python test/oracle/merged_adapter.py BASE ADAPTER INPUTS.safetensors EXPECTED.safetensors
"""
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

base, adapter, inputs, expected = sys.argv[1:]
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
x, want = load_file(inputs), load_file(expected)["logits"]
with torch.no_grad():
    got = model(input_ids=x["input_ids"], attention_mask=x["attention_mask"]).logits
kept = x["attention_mask"].bool()
print(f"{((got - want)[kept].norm() / want[kept].norm()).item():.2e}")
