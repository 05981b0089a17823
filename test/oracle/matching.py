"""PEFT's own matching of modules, over many configs and module trees: test/fixtures/peft-matching.json.

Run: python3 test/oracle/matching.py
Needs peft; the file it writes is committed.
"""
import json
import os
import random
from types import SimpleNamespace

from peft.tuners.tuners_utils import _ExcludedModule, check_target_module_exists
from peft.utils.other import get_pattern_key

TREES = {
    "causal": ["model", "model.embed_tokens", "model.layers"] + [
        f"model.layers.{i}{s}" for i in (0, 1, 2, 11) for s in (
            "", ".self_attn", ".self_attn.q_proj", ".self_attn.k_proj", ".self_attn.o_proj", ".mlp", ".mlp.up_proj", ".mlp.down_proj", ".input_layernorm")
    ] + ["model.norm", "lm_head"],
    "encoder": ["embeddings.word_embeddings"] + [f"encoder.layer.{i}.{s}" for i in (0, 1) for s in ("attention.self.query", "output.dense", "attention.output.dense")] + ["classifier"],
    "experts": [f"model.layers.{i}.mlp.experts.{e}.{s}" for i in (0, 1) for e in (0, 1, 10) for s in ("w1", "w2")] + ["h.0.attn.c_attn", "transformer.h.1.mlp.c_fc"],
}
NAMES = ["q_proj", "proj", "o_proj", "self_attn.q_proj", "model.layers.1.self_attn.k_proj", "mlp", "mlp.up_proj", "up_proj", "lm_head", "dense",
         "output.dense", "query", "w1", "0.w1", "experts.1.w2", "c_attn", "embed_tokens", "norm", "qproj", "layers.1"]
REGEX = [r".*\.(q|k)_proj", r"model\.layers\.[01]\..*", r".*", r"(?!.*lm_head).*_proj", r".*\.layers\.\d+\.mlp\.(?:up|down)_proj", r"model.layers.1.*", r".*dense$", r".*\.w\d", "lm_head",
         r".*(?<!k)_proj", r"model\.layers\.(?:0|2|1[01])\.self_attn\..+", r"(?i).*\.Q_PROJ"]
KEYS = ["q_proj", "self_attn.q_proj", r"layers\.1\..*", r"model\.layers\.0\.self_attn\.q_proj", "^model.layers.1.mlp.up_proj", "k_proj|o_proj", ".*", "proj", "dense", "w1", "experts.1.w[12]", "layers.1", "1"]


def main():
    rng = random.Random(7)
    some = lambda xs, n: rng.sample(xs, rng.randint(1, n))
    cases = []
    for _ in range(600):
        tree = rng.choice(list(TREES))
        config = {"target_modules": some(NAMES, 4) if rng.random() < 0.65 else rng.choice(REGEX)}
        if rng.random() < 0.3:
            config["exclude_modules"] = some(NAMES, 2) if rng.random() < 0.5 else rng.choice(REGEX)
        if rng.random() < 0.2:
            config["modules_to_save"] = some(NAMES, 2)
        if isinstance(config["target_modules"], list) and rng.random() < 0.5:
            config["layers_to_transform"] = rng.choice([0, 1, 11, [0, 2], [1], [], [7]])
            if rng.random() < 0.4:
                config["layers_pattern"] = rng.choice(["layers", ["layers", "h"], "layer", "experts", "", [], "lay.*", "h|layers"])
        named = SimpleNamespace(**{"exclude_modules": None, "modules_to_save": None, "layers_to_transform": None, "layers_pattern": None, **config})
        matched, excluded = [], []
        for path in TREES[tree]:
            found = check_target_module_exists(named, path)
            (excluded if isinstance(found, _ExcludedModule) else matched if found else []).append(path)
        cases.append({"tree": tree, "config": config, "matched": matched, "excluded": excluded})
    patterns = []
    for _ in range(150):
        tree = rng.choice(list(TREES))
        keys = some(KEYS, 4)
        found = {}
        for path in TREES[tree]:
            key = get_pattern_key(keys, path)
            if key in keys:
                found[path] = key
        patterns.append({"tree": tree, "keys": keys, "found": found})
    out = os.path.join(os.path.dirname(__file__), "../fixtures/peft-matching.json")
    with open(out, "w") as f:
        json.dump({"trees": TREES, "cases": cases, "patterns": patterns}, f, separators=(",", ":"))
        f.write("\n")
    print(len(cases), sum(bool(c["matched"]) for c in cases), sum(bool(c["excluded"]) for c in cases), os.path.getsize(out))


if __name__ == "__main__":
    main()
