"""What the oracle scripts share: tiny random models in which every operation matters, and the files of a case.

A case folder holds config.json, model.safetensors (or shards), inputs.safetensors and expected.safetensors. Expected
logits are what transformers computes in float32 from the weights as stored; greedy_ids is the whole sequence after
greedy decoding of the left-padded inputs with no end token.
"""
import json
import math
import os
import shutil

import torch
from safetensors.torch import load_file, save_file

OUT = os.path.join(os.path.dirname(__file__), "../fixtures/oracle")


def folder(kind, name):
    """Empties and returns the folder of a case."""
    path = os.path.abspath(os.path.join(OUT, kind, name))
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def randomise(model, seed):
    """Weights at a scale where skipping any operation is a large error: norms near 1, biases and maps not small."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda shape, std: torch.randn(shape, generator=generator) * std
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name:
                p.copy_(1 + normal(p.shape, 0.2))
            elif name.endswith("bias"):
                p.copy_(normal(p.shape, 0.3))
            elif "embed" in name:
                p.copy_(normal(p.shape, 0.7))
            elif "lora_" in name:
                p.copy_(normal(p.shape, 0.6 / math.sqrt(p.shape[-1])))
            else:
                p.copy_(normal(p.shape, 1.2 / math.sqrt(p.shape[-1] if p.ndim else 1)))
    return model.eval()


def inputs(vocab, seed, length=13, pad=4):
    """Two rows, the second padded on the left."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, vocab, (2, length), generator=generator)
    mask = torch.ones_like(ids)
    ids[1, :pad] = 0
    mask[1, :pad] = 0
    return {"input_ids": ids, "attention_mask": mask}


def expect(model, given, path, new_tokens=12):
    """Runs the model and writes inputs.safetensors and expected.safetensors."""
    with torch.no_grad():
        logits = model(**given).logits.float()
        greedy = model.generate(
            **given, max_new_tokens=new_tokens, min_new_tokens=new_tokens, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    assert greedy.shape[1] == given["input_ids"].shape[1] + new_tokens
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({"logits": logits.contiguous(), "greedy_ids": greedy.contiguous()}, os.path.join(path, "expected.safetensors"))
    return logits


def write_json(path, name, value):
    with open(os.path.join(path, name), "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def distance(a, b):
    return (torch.linalg.norm(a - b) / torch.linalg.norm(b)).item()


__all__ = ["OUT", "folder", "randomise", "inputs", "expect", "write_json", "distance", "load_file", "save_file"]
