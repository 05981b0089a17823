"""Rules of std/merges that no golden case covers, on small matrices, computed another way: moving averages in closed form, orthogonal
merging by projections on a QR basis, n-bit codecs by nearest level (torch's quantiles), one-bit codecs; LoRA extraction by NumPy's SVD.
Run: python3 test/oracle/merge_rules.py. Writes test/fixtures/oracle/merge-rules.json and merge-extraction.safetensors."""
import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
rng = np.random.default_rng(7)
members = [rng.normal(size=(5, 3)).astype("f4") for _ in range(3)]
x = [m.astype("f8") for m in members]
weights = [1.5, -0.5, 2.0]


def moving_average(decay):
    n = len(x)
    return sum((decay ** (n - 1) if i == 0 else (1 - decay) * decay ** (n - 1 - i)) * v for i, v in enumerate(x))


def orthogonal():
    flat = np.stack([v.ravel() for v in x], 1)
    out = np.zeros(flat.shape[0])
    for i, w in enumerate(weights):
        q, _ = np.linalg.qr(flat[:, :i]) if i else (np.zeros((flat.shape[0], 0)), None)
        out += w * (flat[:, i] - q @ (q.T @ flat[:, i]))
    return out.reshape(x[0].shape)


def levels(bits):
    value = torch.zeros(2**bits, dtype=torch.float64)
    for _ in range(500):
        cuts = (value[1:] + value[:-1]) / 2
        p = torch.cat([torch.zeros(1, dtype=torch.float64), torch.special.ndtr(cuts), torch.ones(1, dtype=torch.float64)])
        value = torch.special.ndtri((p[1:] + p[:-1]) / 2)
    return value.numpy()


def codec(v, bits):
    mean, deviation = v.mean(), v.std(ddof=1)
    table = levels(bits)
    code = np.abs((v - mean)[..., None] / (deviation + 1e-5) - table).argmin(-1)
    return table[code] * deviation + mean


def one_bit():
    return sum(w * np.where(v > 0, 1, -1) * np.abs(v).mean() for w, v in zip(weights, x))


def ram(epsilon, r=0.0, alpha=0.0):
    """Element by element: what only one member changes, scaled, else the mean of those that change it."""
    used = [np.abs(v) > epsilon for v in x]
    out = np.zeros_like(x[0])
    count = sum(u.astype(int) for u in used)
    scale = [1 + r * min(alpha, (u & (count > 1)).sum() / max((u & (count == 1)).sum(), epsilon)) for u in used]
    for at in np.ndindex(out.shape):
        who = [i for i in range(len(x)) if used[i][at]]
        if len(who) == 1:
            out[at] = scale[who[0]] * x[who[0]][at]
        elif who:
            out[at] = np.mean([x[i][at] for i in who])
    return out


cases = {
    "ram": {"file": "mergekit", "args": {"epsilon": 0.7}, "want": ram(0.7)},
    "ramplus_tl": {"file": "mergekit", "args": {"epsilon": 0.7, "r": 0.4, "alpha": 5}, "want": ram(0.7, 0.4, 5)},
    "ramplus_tl 2": {"file": "mergekit", "args": {"epsilon": 0.7, "r": 0.4, "alpha": 0.3}, "want": ram(0.7, 0.4, 0.3)},
    "ema": {"file": "parameters", "args": {"decay": 0.9}, "want": moving_average(0.9)},
    "drawn_to_mean": {"file": "parameters", "args": {"momentum": 0.25}, "want": 0.75 * x[2] + 0.25 * np.mean(x[:2], 0)},
    "averaged": {"file": "parameters", "args": {}, "want": np.average(x, axis=0, weights=weights)},
    "orthogonal": {"file": "published", "args": {}, "want": orthogonal()},
    "one_bit": {"file": "compression", "args": {}, "want": one_bit()},
}
for bits in (1, 2, 3, 4):
    cases[f"n_bit {bits}"] = {"file": "compression", "args": {"bits": bits}, "members": 1, "want": codec(x[0], bits)}
text = {
    "members": [m.ravel().tolist() for m in members], "weights": weights,
    "cases": {k: {**c, "want": c["want"].ravel().tolist()} for k, c in cases.items()},
}
(root / "oracle/merge-rules.json").write_text(json.dumps(text) + "\n")

models = root / "golden/merge/models"
base, tuned = (load_file(models / n / "model.safetensors") for n in ("base", "a"))
products = {}
for site in ("model.layers.0.self_attn.q_proj", "model.layers.2.self_attn.v_proj"):
    u, s, v = np.linalg.svd(tuned[f"{site}.weight"].astype("f8") - base[f"{site}.weight"], full_matrices=False)
    products[site] = np.ascontiguousarray((u[:, :8] * s[:8]) @ v[:8]).astype("f4")
save_file(products, root / "oracle/merge-extraction.safetensors")
