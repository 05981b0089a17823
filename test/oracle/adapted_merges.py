"""mergekit files whose models are `base+adapter`: PEFT folds each adapter (`merge_and_unload`), then the linear and the TIES merge of mergekit
0.1.4 over the folded models, computed here in float64. Tensors of one layer and of the norms are kept.
Run: python3 test/oracle/adapted_merges.py. Writes test/fixtures/oracle/adapted-{linear,ties}.safetensors."""
import pathlib

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
base = root / "golden/bases/llama"


def folded(case=None):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if case:
        model = PeftModel.from_pretrained(model, root / f"golden/peft/{case}/adapters/default").merge_and_unload()
    return {k: v.double() for k, v in model.state_dict().items()}


def linear(name, weights):
    return sum(w * m[name] for w, m in zip(weights, models)) / sum(weights)


def ties(name, weights, density):
    kept = []
    for m in models[:2]:
        d = m[name] - origin[name]
        k = int(density * d.numel())
        top = d.abs().flatten().topk(k).indices
        mask = torch.zeros(d.numel(), dtype=torch.double)
        mask[top] = 1
        kept.append(d * mask.reshape(d.shape))
    weighted = torch.stack([w * d for w, d in zip(weights, kept)])
    sign = torch.where(weighted.sum(0) >= 0, 1, -1)
    agree = weighted.sign() == sign
    w = torch.tensor(weights, dtype=torch.double).reshape(-1, *[1] * origin[name].dim())
    divisor = (w * agree).sum(0)
    return origin[name] + (weighted * agree).sum(0) / torch.where(divisor == 0, 1, divisor)


origin = folded()
models = [folded("lora"), folded("lora-dora"), folded("ia3")]
names = [n for n in origin if n.startswith("model.layers.1.self_attn") or n == "model.norm.weight"]
for which, make in (("linear", lambda n: linear(n, [0.5, 0.3, 0.4])), ("ties", lambda n: ties(n, [0.7, 0.6], 0.4))):
    save_file({n: make(n).float().contiguous() for n in names}, root / f"oracle/adapted-{which}.safetensors")
