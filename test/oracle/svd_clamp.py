"""`add_weighted_adapter(combination_type="svd", svd_clamp=..)` on the adapters of the golden case weighted-svd: PEFT's own factors, multiplied, and the
same formula with the signs of the triplets chosen so that the largest element of each left vector is positive.
Run: python3 test/oracle/svd_clamp.py. Writes test/fixtures/oracle/svd-clamp.safetensors; prints how far PEFT's signs lead away."""
import pathlib

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
case = root / "golden/peft/weighted-svd/adapters"
names, weights, rank, clamp = ["one", "two", "three"], [1.0, 0.5, 0.8], 6, 0.9
model = AutoModelForCausalLM.from_pretrained(root / "golden/bases/llama", dtype=torch.float32)
model = PeftModel.from_pretrained(model, case / "one", adapter_name="one")
for n in names[1:]:
    model.load_adapter(case / n, adapter_name=n)
model.add_weighted_adapter(names, weights, "merged", combination_type="svd", svd_rank=rank, svd_clamp=clamp)
out, away = {}, 0.0
for key, module in model.base_model.model.named_modules():
    if not hasattr(module, "lora_A") or "merged" not in module.lora_A:
        continue
    delta = sum(w * module.get_delta_weight(n).double() for n, w in zip(names, weights) if n in module.lora_A)
    u, s, v = torch.linalg.svd(delta, full_matrices=False)
    if s[rank - 1] < 1e-5 * s[0]:
        continue  # directions of no size are whatever the library makes them
    u, s, v = u[:, :rank], s[:rank], v[:rank]
    turn = torch.where(u.max(0).values >= -u.min(0).values, 1.0, -1.0).double()
    u, v = u * turn * s, v * turn[:, None]
    limit = torch.quantile(torch.cat([u.flatten(), v.flatten()]), clamp)
    out[key] = (u.clamp(-limit, limit) @ v.clamp(-limit, limit)).float().contiguous()
    theirs = module.lora_B["merged"].weight @ module.lora_A["merged"].weight
    away = max(away, ((theirs - out[key]).norm() / theirs.norm()).item())
save_file(out, root / "oracle/svd-clamp.safetensors")
print(f"PEFT with LAPACK's signs is up to {away:.1e} away")
