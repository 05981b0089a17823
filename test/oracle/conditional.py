"""A conditional adapter (CoDA) on a vision transformer, computed token by token: test/fixtures/oracle/systems/S040-coda.

Run: python3 test/oracle/conditional.py
Needs torch, transformers and safetensors; the files it writes are committed. The base is that of the golden cases. The rule is in
stdlib/methods/dispatch.adapt; here the frozen module runs on the chosen rows alone, which are found by sorting, and the
weights of the soft top-k come from bisection in 64 bits.
"""
import os

import torch
from safetensors.torch import load_file, save_file
from transformers import ViTForImageClassification

from common import distance, folder, write_json

BASE = os.path.join(os.path.dirname(__file__), "../fixtures/golden/bases/vit")
CAPACITY, WIDTH, TEMPERATURE = 6, 8, 0.7


def soft_top_k(scores, k):
    """The a with sum of min(1, exp((s + a) / T)) = k, by halving."""
    s = scores.double()
    low, high = torch.full(s.shape[:1], -100.0).double(), torch.full(s.shape[:1], 100.0).double()
    for _ in range(200):
        a = (low + high) / 2
        total = torch.clamp(torch.exp((s + a[:, None]) / TEMPERATURE), max=1).sum(1)
        low, high = torch.where(total < k, a, low), torch.where(total < k, high, a)
    return torch.clamp(torch.exp((s + a[:, None]) / TEMPERATURE), max=1)


def main():
    path = folder("systems", "S040-coda")
    g = torch.Generator().manual_seed(40)
    rand = lambda *shape, std=1.0: torch.randn(shape, generator=g) * std
    model = ViTForImageClassification.from_pretrained(BASE).eval()
    pixels = load_file(os.path.join(BASE, "inputs.safetensors"))["pixel_values"]
    with torch.no_grad():
        before = model(pixel_values=pixels).logits
    params, chosen = {}, {}
    for i, layer in enumerate(model.vit.encoder.layer if hasattr(model.vit, "encoder") else model.vit.layers):
        at = f"vit.layers.{i}.mlp"
        p = {"router.weight": rand(1, 64, std=0.2), "router.bias": rand(1), "down.weight": rand(WIDTH, 64, std=0.2), "down.bias": rand(WIDTH, std=0.2),
             "up.weight": rand(64, WIDTH, std=0.3), "up.bias": rand(64, std=0.1)}
        params |= {f"{at}.{name}": t for name, t in p.items()}
        heavy = layer.mlp.forward

        def conditional(x, p=p, at=at, heavy=heavy):
            scores = x @ p["router.weight"][0] + p["router.bias"]
            weights = soft_top_k(scores, CAPACITY).float()
            y = torch.relu(x @ p["down.weight"].T + p["down.bias"]) @ p["up.weight"].T + p["up.bias"]
            mask = torch.zeros_like(scores)
            for b in range(x.shape[0]):
                rows = scores[b].argsort(descending=True)[:CAPACITY]
                mask[b, rows] = 1
                y[b, rows] += weights[b, rows, None] * heavy(x[b, rows][None])[0]
            chosen[f"chosen.{at}"] = mask
            return y

        layer.mlp.forward = conditional
    with torch.no_grad():
        logits = model(pixel_values=pixels).logits
    save_file({k: v.contiguous() for k, v in params.items()}, os.path.join(path, "params.safetensors"))
    save_file({"pixel_values": pixels}, os.path.join(path, "inputs.safetensors"))
    save_file({"logits": logits.contiguous(), **chosen}, os.path.join(path, "expected.safetensors"))
    write_json(path, "case.json", {
        "system": "S040", "base": "vit", "adapters": [], "hyperparameters": {"capacity": CAPACITY, "width": WIDTH, "temperature": TEMPERATURE},
        "rule": "y = up relu(down x) of every token; on the `capacity` tokens of the highest router scores of each row + w mlp(x), w the soft top-k weight. x is the input of the feed-forward network.",
        "change_vs_base": distance(logits, before),
    })
    print(distance(logits, before))
    assert distance(logits, before) > 0.1


main()
