"""Prompts behind the embeddings of text encoders (AdapterHub's prompt tuning), which the golden cases have for images only.

Run: python3 test/oracle/embedded_prompt.py
Needs torch and transformers. The rows are joined to what the embeddings yield, and the mask keeps them, as AdapterHub 1.2 does
(`PromptTuning.forward`, `prefix_attention_mask`). What it writes under test/fixtures/oracle/adapterhub is committed.
"""
import json
import os
import shutil

import torch
import transformers
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
BASES = os.path.join(HERE, "../fixtures/golden/bases")
OUT = os.path.join(HERE, "../fixtures/oracle/adapterhub")


def case(name, base, inner, combine, length):
    g = torch.Generator().manual_seed(length)
    target = os.path.join(OUT, name)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.join(target, "adapters/a"))
    path = os.path.join(BASES, base)
    arch = json.load(open(os.path.join(path, "config.json")))["architectures"][0]
    model = getattr(transformers, arch).from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    prompt = torch.randn(length, model.config.hidden_size, generator=g)
    ids = torch.randint(3, model.config.vocab_size, (2, 9), generator=g)
    mask = torch.ones_like(ids)
    mask[1, -3:] = 0
    if base == "roberta":
        ids[1, -3:] = model.config.pad_token_id
    with torch.no_grad():
        plain = model(input_ids=ids, attention_mask=mask).logits
        embeddings = getattr(model, inner).embeddings
        rows = prompt[None].expand(2, -1, -1)

        def joined(module, args, out):
            return torch.cat([rows, out], 1) if combine == "prefix" else torch.cat([out[:, :1], rows, out[:, 1:]], 1)

        embeddings.register_forward_hook(joined)
        longer = torch.cat([torch.ones(2, length, dtype=mask.dtype), mask], 1)
        logits = model(input_ids=ids, attention_mask=longer).logits
    config = {"config": {"architecture": "prompt_tuning", "combine": combine, "prompt_init": "random_uniform", "prompt_init_text": None, "prompt_length": length},
              "hidden_size": model.config.hidden_size, "model_class": arch, "model_name": f"bases/{base}", "model_type": base, "name": "a", "version": "adapters.1.2.0"}
    json.dump(config, open(os.path.join(target, "adapters/a/adapter_config.json"), "w"), indent=1)
    save_file({f"{inner}.prompt_tuning.prompt_tunings.a.prompt_embedding.weight": prompt}, os.path.join(target, "adapters/a/adapter.safetensors"))
    save_file({"input_ids": ids, "attention_mask": mask}, os.path.join(target, "inputs.safetensors"))
    save_file({"logits": logits.contiguous()}, os.path.join(target, "expected.safetensors"))
    change = ((logits - plain).norm() / plain.norm()).item()
    json.dump({"base": base, "adapters": ["a"], "change_vs_base": change}, open(os.path.join(target, "case.json"), "w"), indent=1)
    print(name, change)


case("prompt-bert", "bert", "bert", "prefix", 3)
case("prompt-roberta", "roberta", "roberta", "prefix_after_bos", 5)
