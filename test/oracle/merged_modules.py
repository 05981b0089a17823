"""Merges of models with two stacks of layers, module by module, computed here as mergekit 0.1.4 does (checked against it once): for each module
its own members, weights and layers. Members are noisy copies of the golden bases whisper and t5, made here and in the test by one rule.
Run: python3 test/oracle/merged_modules.py. Writes test/fixtures/oracle/merged-modules.json: sums of each tensor with cos(i)."""
import json
import pathlib

import numpy as np
from safetensors.numpy import load_file

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"


def model(base, seed):
    out = {}
    for name, x in load_file(root / f"golden/bases/{base}/model.safetensors").items():
        i = np.arange(x.size, dtype="f8").reshape(x.shape)
        out[name] = (x.astype("f8") + 0.01 * seed * np.sin(i * (seed + 1))).astype("f4").astype("f8")
    return out


def printed(tensors):
    return {n: {"shape": list(x.shape), "sum": float((x.ravel() * np.cos(np.arange(x.size))).sum()), "size": float(np.linalg.norm(x))} for n, x in sorted(tensors.items())}


x, y, z = (model("whisper", s) for s in range(3))
whisper = {}
for n in x:
    if ".encoder." in n:
        layer = int(n.split(".layers.")[1].split(".")[0]) if ".layers." in n else 0
        w = 0.2 + 0.6 * layer
        whisper[n] = (w * x[n] + 0.5 * y[n]) / (w + 0.5)
    else:
        w = 0.9 if "fc1" in n else 0.1
        whisper[n] = (0.3 * x[n] + w * z[n]) / (0.3 + w)

x, y = (model("t5", s) for s in range(2))
t5 = {n: v for n, v in x.items() if not n.startswith("decoder.")}
for n, v in y.items():
    if n.startswith("decoder."):
        t5[n] = v
        if n.startswith("decoder.block.1."):
            t5[n.replace("block.1", "block.2")] = x[n]
t5["decoder.final_layer_norm.weight"] = x["decoder.final_layer_norm.weight"]
(root / "oracle/merged-modules.json").write_text(json.dumps({"whisper": printed(whisper), "t5": printed(t5)}) + "\n")
