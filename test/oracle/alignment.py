"""Bottlenecks merged after optimal transport of their neurons, on the adapters of the golden case S021-mera: exactly by SciPy's
`linear_sum_assignment`, with entropy by Sinkhorn's iteration in log space, both in float64 and written apart from the library.
Also costs whose best assignments were found by trying all. Run: python3 test/oracle/alignment.py. Writes
test/fixtures/oracle/alignment.safetensors and assignment.json."""
import itertools
import json
import pathlib

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
params = {k: v.astype("f8") for k, v in load_file(root / "golden/systems/S021-mera/params.safetensors").items()}
sites = [f"model.layers.{i}.mlp" for i in range(3)]
parts = ("down.weight", "down.bias", "up.weight", "up.bias")


def expert(i, site):
    return {p: params[f"expert{i}.{site}.{p}"] for p in parts}


def cost(a, b):
    c = np.zeros((len(a["down.bias"]),) * 2)
    for r in range(len(c)):
        for s in range(len(c)):
            c[r, s] = ((a["down.weight"][r] - b["down.weight"][s]) ** 2).sum() + (a["down.bias"][r] - b["down.bias"][s]) ** 2
            c[r, s] += ((a["up.weight"][:, r] - b["up.weight"][:, s]) ** 2).sum()
    return c


def exact(c):
    plan = np.zeros_like(c)
    plan[linear_sum_assignment(c)] = 1
    return plan


def smooth(c, entropy=0.05, steps=100):
    k = -c / (entropy * c.mean())
    f, g = np.zeros(len(c)), np.zeros(len(c))
    for _ in range(steps):
        g = -logsumexp(k + f[:, None], axis=0)
        f = -logsumexp(k + g[None, :], axis=1)
    return np.exp(k + f[:, None] + g[None, :])


out = {}
for name, plan_of in (("exact", exact), ("smooth", smooth)):
    for site in sites:
        first = expert(0, site)
        moved = [first]
        for i in (1, 2):
            e = expert(i, site)
            plan = plan_of(cost(first, e))
            moved.append({"down.weight": plan @ e["down.weight"], "down.bias": plan @ e["down.bias"], "up.weight": e["up.weight"] @ plan.T, "up.bias": e["up.bias"]})
        for p in parts:
            out[f"{name}.{site}.{p}"] = np.mean([m[p] for m in moved], 0).astype("f4")
save_file(out, root / "oracle/alignment.safetensors")

rng = np.random.default_rng(5)
costs = [rng.normal(size=(n, n)).round(3) for n in (1, 2, 3, 4, 5, 6, 7)] + [rng.integers(0, 3, size=(6, 6)).astype("f8")]
best = [min(sum(c[i, p[i]] for i in range(len(c))) for p in itertools.permutations(range(len(c)))) for c in costs]
(root / "oracle/assignment.json").write_text(json.dumps([{"cost": c.ravel().tolist(), "least": float(b)} for c, b in zip(costs, best)]) + "\n")
