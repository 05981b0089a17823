"""Attention over bottlenecks (AdapterFusion) with settings that the golden cases do not have.

Run: python3 test/oracle/fusion.py
Needs torch and transformers; the attention and the bottlenecks are written out here, after the equations of AdapterHub 1.2
(`BertFusion`, `Adapter`, `ParallelAdapter`). What it writes under test/fixtures/oracle/adapterhub is committed. Base and bottlenecks
are those of test/fixtures/golden, with other configs.
"""
import json
import os
import shutil

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../fixtures/golden")
OUT = os.path.join(HERE, "../fixtures/oracle/adapterhub")
NAMES = ["a", "c"]

CASES = {
    "fuse-static": ({"value": False, "query_before_ln": True}, {}),
    "fuse-skip": ({"residual_before": True, "value_before_softmax": False, "temperature": True}, {}),
    "fuse-bare": ({"query": False, "key": False}, {"residual_before_ln": False, "scaling": 2.0}),
    "fuse-parallel": ({}, {"is_parallel": True, "original_ln_before": False, "residual_before_ln": True}),
}


def linear(x, tensors, name):
    return torch.nn.functional.linear(x, tensors[name + ".weight"], tensors.get(name + ".bias"))


def fused(h, r, settle, layer, members, fusion, fc, ac):
    """The block's result: `h` is what the sublayer computed, `r` the residual, `settle` the base's norm."""
    before = settle(h + r) if ac["original_ln_before"] else h
    read, query, skip = (r, r, r) if ac["is_parallel"] else (before, h if fc["query_before_ln"] else before, h if ac["residual_before_ln"] else before)
    at = f"bert.encoder.layer.{layer}.output"
    ups = [linear(torch.relu(linear(read, t, f"{at}.adapters.{n}.adapter_down.0")), t, f"{at}.adapters.{n}.adapter_up") * ac["scaling"] for n, t in members]
    z = torch.stack(ups, 2)
    if fc["residual_before"]:
        z = z + skip[:, :, None]
    place = f"{at}.adapter_fusion_layer.{','.join(NAMES)}"
    q = linear(query, fusion, place + ".query") if fc["query"] else query
    k = linear(z, fusion, place + ".key") if fc["key"] else z
    shares = torch.softmax((q[:, :, None] * k).sum(-1) / (50.0 if fc["temperature"] else 1.0), -1)
    v = linear(z, fusion, place + ".value") if fc["value"] and fc["value_before_softmax"] else z
    out = (shares[..., None] * v).sum(2)
    if fc["value"] and not fc["value_before_softmax"]:
        out = linear(out, fusion, place + ".value")
    if not fc["residual_before"]:
        out = out + skip
    if ac["is_parallel"]:
        out = out + h
    return settle(out + r)


def case(name, fusion_settings, adapter_settings):
    g = torch.Generator().manual_seed(len(name))
    source, target = os.path.join(GOLDEN, "adapterhub/fuse"), os.path.join(OUT, name)
    shutil.rmtree(target, ignore_errors=True)
    members = []
    for n in NAMES:
        shutil.copytree(os.path.join(source, "adapters", n), os.path.join(target, "adapters", n))
        path = os.path.join(target, "adapters", n, "adapter_config.json")
        config = json.load(open(path))
        config["config"].update(adapter_settings)
        json.dump(config, open(path, "w"), indent=1)
        members.append((n, load_file(os.path.join(target, "adapters", n, "adapter.safetensors"))))
    config = json.load(open(os.path.join(source, "fusion/adapter_fusion_config.json")))
    config["config"].update(fusion_settings)
    config.update(name=",".join(NAMES), adapter_names=NAMES)
    fc = config["config"]
    fusion = {}
    for layer in range(3):
        place = f"bert.encoder.layer.{layer}.output.adapter_fusion_layer.{config['name']}"
        for part in ("query", "key", "value"):
            if fc[part]:
                fusion[f"{place}.{part}.weight"] = torch.randn(64, 64, generator=g) * 0.3
                if part != "value":
                    fusion[f"{place}.{part}.bias"] = torch.randn(64, generator=g) * 0.3
    os.makedirs(os.path.join(target, "fusion"))
    json.dump(config, open(os.path.join(target, "fusion/adapter_fusion_config.json"), "w"), indent=1)
    save_file(fusion, os.path.join(target, "fusion/model_adapter_fusion.safetensors"))

    model = transformers.BertForSequenceClassification.from_pretrained(os.path.join(GOLDEN, "bases/bert"), dtype=torch.float32).eval()
    ids = torch.randint(3, model.config.vocab_size, (2, 9), generator=g)
    mask = torch.ones_like(ids)
    mask[1, -3:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    ac = json.load(open(os.path.join(target, "adapters/c/adapter_config.json")))["config"]
    with torch.no_grad():
        base = model(**inputs).logits
        for i, layer in enumerate(model.bert.encoder.layer):
            out = layer.output
            out.forward = lambda h, r, out=out, i=i: fused(out.dense(h), r, out.LayerNorm, i, members, fusion, fc, ac)
        logits = model(**inputs).logits
    save_file(inputs, os.path.join(target, "inputs.safetensors"))
    save_file({"logits": logits.contiguous()}, os.path.join(target, "expected.safetensors"))
    change = ((logits - base).norm() / base.norm()).item()
    json.dump({"base": "bert", "adapters": NAMES, "change_vs_base": change}, open(os.path.join(target, "case.json"), "w"), indent=1)
    print(name, change)


for one, settings in CASES.items():
    case(one, *settings)
