"""Adapters of every kind that PEFT saves on maps, norms and tokens, over the bases of bases.py and gpt2.py.

Run after them: python3 test/oracle/peft_methods.py [name ..]
Expected values are those of the adapter loaded again from its files. Needs torch, transformers, peft and safetensors; the
files it writes are committed, so tests need none of them.
"""
import os
import sys

import peft
import torch
import transformers
from peft import (
    AdaLoraConfig, BOFTConfig, C3AConfig, FourierFTConfig, GraloraConfig, HiraConfig, HRAConfig, IA3Config, LilyConfig, LNTuningConfig, LoHaConfig,
    LoKrConfig, LoraConfig, MissConfig, OFTConfig, PeftModel, RandLoraConfig, RoadConfig, ShiraConfig, TrainableTokensConfig, VBLoRAConfig, VeraConfig,
    WaveFTConfig, get_peft_model,
)

from bases import V, reference
from common import OUT, distance, expect, folder, inputs, write_json


def randomise(model, seed):
    """Everything trainable, at a scale where leaving it out is a large error; indices and frozen projections stay."""
    generator = torch.Generator().manual_seed(seed)
    noise = lambda p, std: torch.randn(p.shape, generator=generator) * std
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            if p.ndim <= 1 or 1 in p.shape[-2:] or "magnitude" in name or "spectrum" in name:
                p.add_(noise(p, 0.3))
            elif "oft_R" in name or "boft_R" in name:
                p.copy_(noise(p, 0.2))
            else:
                p.copy_(noise(p, 0.7 / p.shape[-1] ** 0.5))


def prune(model):
    """Ranks as AdaLoRA's budget leaves them: two of six values, none, and all."""
    kept = [[True, False, False, True, False, False], [False] * 6]
    layers = [n for n, m in model.base_model.model.named_modules() if hasattr(m, "lora_E") and len(m.lora_E) > 0]
    pattern = {f"{name}.lora_E.default": kept[i] if i < 2 else [True] * 6 for i, name in enumerate(layers)}
    model.peft_config["default"].rank_pattern = pattern


def case(name, base, config, seed, finish=None, pad=4):
    path = folder("peft", name)
    at = os.path.join(OUT, "bases", base)
    given = inputs(V, seed, pad=pad)
    plain = reference(at)
    with torch.no_grad():
        before = plain(**given).logits
    config.base_model_name_or_path = f"bases/{base}"
    model = get_peft_model(plain, config).eval()
    randomise(model, seed)
    if finish:
        finish(model)
    model.peft_config["default"].base_model_name_or_path = f"bases/{base}"
    model.save_pretrained(os.path.join(path, "adapters", "default"))
    os.remove(os.path.join(path, "adapters", "default", "README.md"))
    loaded = PeftModel.from_pretrained(reference(at), os.path.join(path, "adapters", "default")).eval()
    logits = expect(loaded, given, path, 8)
    change = distance(logits, before)
    assert change > 0.02, (name, change)
    write_json(path, "case.json", {
        "case": name, "base": base, "adapters": ["default"], "method": config.peft_type.value,
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}", "change_vs_base": change,
    })
    print(f"{name}: {change:.3f}", flush=True)


LM = dict(task_type="CAUSAL_LM")
QV, MORE = ["q_proj", "v_proj"], ["q_proj", "v_proj", "down_proj", "up_proj"]
CASES = {
    "dora-conv1d": ("gpt2-variant", lambda: LoraConfig(r=3, lora_alpha=5, target_modules=["c_attn", "c_proj", "wte"], use_dora=True, fan_in_fan_out=True, rank_pattern={"c_attn": 2}, **LM)),
    "dora-tied-embedding": ("qwen2-tied", lambda: LoraConfig(r=3, lora_alpha=4, use_rslora=True, target_modules=["embed_tokens", "q_proj"], use_dora=True, alpha_pattern={"q_proj": 7}, **LM)),
    "ia3-regex": ("llama-biases", lambda: IA3Config(target_modules=r".*\.(k_proj|o_proj|down_proj)", feedforward_modules=r".*\.down_proj", **LM)),
    "ia3-conv1d": ("gpt2-variant", lambda: IA3Config(target_modules=["c_attn", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"], fan_in_fan_out=True, **LM)),
    "ln-tuning-shifted": ("gpt2-variant", lambda: LNTuningConfig(target_modules=["ln_1", "ln_f"], **LM)),
    "adalora-pruned": ("llama-head-dim", lambda: AdaLoraConfig(init_r=6, target_r=2, total_step=10, lora_alpha=9, target_modules=MORE, **LM), prune),
    "lora-tokens-tied": ("qwen2-tied", lambda: LoraConfig(r=2, lora_alpha=4, target_modules=QV, trainable_token_indices=[5, 40, 77], **LM)),
    "lora-tokens-named": ("qwen2-untied", lambda: LoraConfig(r=2, lora_alpha=4, target_modules=QV, trainable_token_indices={"embed_tokens": [5, 9, 30, 31], "lm_head": [7]}, **LM)),
    "tokens-tied": ("qwen2-tied", lambda: TrainableTokensConfig(token_indices=list(range(3, 60, 2)), target_modules=["embed_tokens"])),
    "lora-tying-ensured": ("qwen2-tied", lambda: LoraConfig(r=3, lora_alpha=6, target_modules=["embed_tokens", "q_proj"], ensure_weight_tying=True, **LM)),
    "loha-patterns": ("llama-biases", lambda: LoHaConfig(r=3, alpha=5, target_modules=MORE, rank_pattern={"q_proj": 2}, alpha_pattern={"up_proj": 2})),
    "lokr-factored": ("llama-biases", lambda: LoKrConfig(r=1, alpha=2, target_modules=MORE, decompose_both=True, decompose_factor=4)),
    "hira-conv1d": ("gpt2-variant", lambda: HiraConfig(r=3, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, rank_pattern={"c_attn": 2})),
    "miss-uneven": ("llama-biases", lambda: MissConfig(r=5, target_modules=MORE)),
    "miss-mini": ("llama-biases", lambda: MissConfig(r=4, mini_r=8, init_weights="mini", target_modules=QV)),
    "miss-bat": ("llama-biases", lambda: MissConfig(r=4, init_weights="bat", target_modules=QV)),
    "gralora-shared": ("llama-biases", lambda: GraloraConfig(r=4, hybrid_r=2, alpha=5, gralora_k=4, target_modules=["q_proj", "down_proj"])),
    "c3a-pattern": ("llama-biases", lambda: C3AConfig(block_size=8, block_size_pattern={"q_proj": 4}, target_modules=MORE)),
    "vera-widths": ("llama-biases", lambda: VeraConfig(r=6, target_modules=MORE, d_initial=0.5, save_projection=True)),
    "randlora-widths": ("llama-biases", lambda: RandLoraConfig(r=5, randlora_alpha=7, target_modules=MORE)),
    "vblora-kept": ("llama-biases", lambda: VBLoRAConfig(r=2, num_vectors=10, vector_length=8, topk=3, save_only_topk_weights=True, target_modules=QV)),
    "oft-exact-shared": ("llama-biases", lambda: OFTConfig(oft_block_size=8, block_share=True, use_cayley_neumann=False, target_modules=MORE)),
    "oft-bounded": ("llama-biases", lambda: OFTConfig(oft_block_size=8, coft=True, eps=0.4, num_cayley_neumann_terms=3, target_modules=MORE)),
    "boft-blocks": ("llama-biases", lambda: BOFTConfig(boft_block_num=4, boft_block_size=0, target_modules=MORE)),
    "hra-orthogonal": ("llama-biases", lambda: HRAConfig(r=3, apply_GS=True, target_modules=MORE)),
    "road-2": ("llama-biases", lambda: RoadConfig(variant="road_2", group_size=8, target_modules=MORE)),
    "road-4": ("llama-biases", lambda: RoadConfig(variant="road_4", group_size=4, target_modules=MORE)),
    "shira-widths": ("llama-head-dim", lambda: ShiraConfig(r=2, random_seed=3, target_modules=MORE)),
    "fourierft-pattern": ("llama-biases", lambda: FourierFTConfig(n_frequency=30, scaling=60.0, random_loc_seed=2024, n_frequency_pattern={"q_proj": 12}, target_modules=MORE)),
    "waveft-sym3": ("llama-biases", lambda: WaveFTConfig(n_frequency=50, scaling=4.0, wavelet_family="sym3", target_modules=MORE)),
    "waveft-plain": ("llama-biases", lambda: WaveFTConfig(n_frequency=50, scaling=3.0, use_idwt=False, proportional_parameters=True, target_modules=MORE)),
    "lily": ("llama-biases", lambda: LilyConfig(r=3, num_B=3, stride_A=2, scaling=1.5, target_modules=QV), None, 0),
}


def main(chosen):
    for i, (name, (base, config, *rest)) in enumerate(CASES.items()):
        if chosen and name not in chosen:
            continue
        try:
            case(name, base, config(), 500 + i, *rest)
        except Exception as e:  # one kind must not keep the others from being made
            print(f"{name}: FAILED {type(e).__name__}: {e}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
