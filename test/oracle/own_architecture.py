"""A decoder that no library has, written in PyTorch: learned positions, attention and feed-forward side by side on one
norm, one fused map for queries, keys and values, squared rectifier, soft-capped logits.

Run: python3 test/oracle/own_architecture.py
Needs torch and safetensors; the files it writes are committed, so tests need neither.
"""
import math
import os

import torch
import torch.nn as nn

from common import folder, inputs, randomise, save_file, write_json

CONFIG = dict(architectures=["TideForCausalLM"], model_type="tide", vocab=90, width=32, depth=2, heads=4, places=64, cap=30.0, eos_token_id=2, pad_token_id=0)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.LayerNorm(c["width"], eps=1e-5)
        self.qkv = nn.Linear(c["width"], 3 * c["width"], bias=False)
        self.out = nn.Linear(c["width"], c["width"])
        self.up = nn.Linear(c["width"], 3 * c["width"])
        self.down = nn.Linear(3 * c["width"], c["width"])
        self.heads = c["heads"]

    def forward(self, x, seen):
        b, s, d = x.shape
        n = self.norm(x)
        q, k, v = (t.view(b, s, self.heads, d // self.heads).transpose(1, 2) for t in self.qkv(n).chunk(3, -1))
        scores = (q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)).masked_fill(~seen[:, None], -3.0e38)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, s, d)
        return x + self.out(mixed) + self.down(torch.relu(self.up(n)) ** 2)


class Tide(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c["vocab"], c["width"])
        self.embed_place = nn.Embedding(c["places"], c["width"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["depth"]))

    def forward(self, ids, mask, positions):
        s = ids.shape[1]
        seen = torch.tril(torch.ones(s, s, dtype=torch.bool))[None] & (mask[:, None] != 0)
        h = self.embed(ids) + self.embed_place(positions)
        for layer in self.layers:
            h = layer(h, seen)
        cap = self.c["cap"]
        return cap * torch.tanh(h @ self.embed.weight.T / cap)


def main():
    path = folder("bases-own", "tide")
    model = randomise(Tide(CONFIG), 71)
    names = {"embed.weight": "wte", "embed_place.weight": "wpe"}
    rename = lambda n: names.get(n, n.replace("layers.", "h."))
    save_file({rename(n): p.detach().contiguous() for n, p in model.named_parameters()}, os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
    write_json(path, "config.json", CONFIG)
    given = inputs(CONFIG["vocab"], 71)
    ids, mask = given["input_ids"], given["attention_mask"]
    with torch.no_grad():
        logits = model(ids, mask, torch.arange(ids.shape[1]).expand_as(ids))
        for _ in range(12):
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            token = model(ids, mask, positions)[:, -1].argmax(-1, keepdim=True)
            ids, mask = torch.cat([ids, token], -1), torch.cat([mask, torch.ones_like(token)], -1)
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({"logits": logits.contiguous(), "greedy_ids": ids.contiguous()}, os.path.join(path, "expected.safetensors"))


if __name__ == "__main__":
    main()
