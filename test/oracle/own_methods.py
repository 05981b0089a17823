"""Adapters of methods that no library has, computed with plain hooks: test/fixtures/oracle/methods.

Run after bases.py: python3 test/oracle/own_methods.py
Needs torch, transformers and safetensors; the files it writes are committed. The methods are declared in Adapt in
test/elaborate/own-methods.test.ts; tensors are named by site and parameter.
"""
import os

import torch

from bases import V, reference
from common import OUT, distance, expect, folder, inputs, save_file, write_json

D, F, K = 32, 48, 6


def adapter(path, name, tensors):
    at = os.path.join(path, name)
    os.makedirs(at)
    save_file(tensors, os.path.join(at, "adapter_model.safetensors"))
    write_json(at, "adapter_config.json", {"method": name})


def main():
    path = folder("methods", "own")
    g = torch.Generator().manual_seed(71)
    rand = lambda *shape, std=1.0: torch.randn(shape, generator=g) * std
    model = reference(os.path.join(OUT, "bases", "llama-sharded"))
    given = inputs(V, 71)
    with torch.no_grad():
        before = model(**given).logits
    neck, gain, norm, shift = {}, {}, {}, {}
    for i in range(2):
        mlp, q, o, up = (f"model.layers.{i}.{s}" for s in ("mlp", "self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"))
        neck |= {f"{mlp}.down.weight": rand(K, D, std=0.2), f"{mlp}.down.bias": rand(K, std=0.2), f"{mlp}.up.weight": rand(D, K, std=0.4), f"{mlp}.up.bias": rand(D, std=0.2)}
        gain |= {f"{q}.l": 1 + rand(D, std=0.4), f"{o}.l": 1 + rand(D, std=0.4)}
        norm |= {f"{q}.A": rand(3, D, std=0.2), f"{q}.B": rand(D, 3, std=0.4), f"{q}.m": 1 + rand(D, 1, std=0.3).abs()}
        shift |= {f"{up}.s": rand(D, std=0.3)}
        layer = model.model.layers[i]

        def hook_neck(_, __, y, m=mlp):
            inner = torch.nn.functional.gelu(y @ neck[f"{m}.down.weight"].T + neck[f"{m}.down.bias"])
            return y + 0.5 * (inner @ neck[f"{m}.up.weight"].T + neck[f"{m}.up.bias"])

        def hook_gain(_, __, y, k=o):
            return gain[f"{k}.l"] * y

        layer.mlp.register_forward_hook(hook_neck)
        layer.self_attn.o_proj.register_forward_hook(hook_gain)
        layer.mlp.up_proj.register_forward_pre_hook(lambda _, args, u=up: (args[0] + shift[f"{u}.s"],))
        # gain then norm at q_proj: the norm sees the weight with the gain in it.
        with torch.no_grad():
            v = gain[f"{q}.l"][:, None] * layer.self_attn.q_proj.weight + norm[f"{q}.B"] @ norm[f"{q}.A"]
            layer.self_attn.q_proj.weight.copy_(norm[f"{q}.m"] * v / v.norm(dim=1, keepdim=True))
    for name, tensors in {"neck": neck, "gain": gain, "norm": norm, "shift": shift}.items():
        adapter(path, name, tensors)
    logits = expect(model, given, path, 12)
    print(distance(logits, before))
    assert distance(logits, before) > 0.3


if __name__ == "__main__":
    main()
