"""Adapters as AdapterHub saves and computes them, with settings that the golden cases do not have.

Run: PYTHONPATH=... python3 test/oracle/adapterhub.py [name ...]
Needs torch, transformers 4.57 and adapters 1.2; what it writes under test/fixtures/oracle/adapterhub is committed. Bases are
those of test/fixtures/golden/bases. Every adapter is saved, loaded again and computed from the files, in float32.
"""
import json
import os
import shutil
import sys

import adapters
import torch
import transformers
from adapters import (
    AdapterPlusConfig, BnConfig, CompacterConfig, ConfigUnion, DoRAConfig, DoubleSeqBnConfig, DoubleSeqBnInvConfig, IA3Config, LoRAConfig, LoReftConfig,
    MTLLoRAConfig, NoReftConfig, ParBnConfig, PrefixTuningConfig, SeqBnConfig,
)
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
BASES = os.path.join(HERE, "../fixtures/golden/bases")
OUT = os.path.join(HERE, "../fixtures/oracle/adapterhub")


def model_of(base):
    path = os.path.join(BASES, base)
    config = json.load(open(os.path.join(path, "config.json")))
    model = getattr(transformers, config["architectures"][0]).from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    adapters.init(model)
    return model


def inputs_of(model, g, padded):
    c = model.config
    if c.model_type == "vit":
        return {"pixel_values": torch.randn(2, c.num_channels, c.image_size, c.image_size, generator=g)}
    if c.model_type == "clip":
        text, vision = c.text_config, c.vision_config
        ids = torch.randint(3, text.vocab_size - 1, (2, 9), generator=g)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": torch.randn(2, 3, vision.image_size, vision.image_size, generator=g)}
    ids = torch.randint(3, c.vocab_size, (2, 11), generator=g)
    mask = torch.ones_like(ids)
    # Gates read rows of padding too, which libraries compute in different ways. Decoders are padded in front, encoders behind, as their libraries do it.
    if not padded:
        pass
    elif c.model_type in ("llama", "gpt2", "mistral"):
        mask[1, :3] = 0
    else:
        mask[1, -3:] = 0
    out = {"input_ids": ids, "attention_mask": mask}
    return out


def randomised(model, name, g):
    """Values at which skipping any part shows."""
    with torch.no_grad():
        for key, p in model.named_parameters():
            if f".{name}." not in key and not key.endswith(f".{name}"):
                continue
            r = torch.randn(p.shape, generator=g)
            if "parametrizations" in key or "phm" in key:
                p.copy_(r * 0.6)
            elif key.endswith("scaling") or "norm" in key or ".m.weight" in key or "lora_B" in key and p.shape[-1] == 1:
                p.copy_(1 + 0.3 * r) if p.dim() < 2 or "lora_B" in key else p.mul_(1 + 0.2 * r)
            elif key.endswith("bias"):
                p.copy_(r * 0.2)
            else:
                p.copy_(r * (0.8 / p.shape[-1] ** 0.5))


def case(name, base, config, seed, head=False, padded=True):
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    path = os.path.join(OUT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(os.path.join(path, "adapters"))
    g = torch.Generator().manual_seed(seed)
    model = model_of(base)
    model.add_adapter("a", config=config)
    randomised(model, "a", g)
    if head:
        with torch.no_grad():
            for p in model.classifier.parameters():
                p.mul_(1.5)
    at = os.path.join(path, "adapters/a")
    try:
        model.save_adapter(at, "a", with_head=head, use_safetensors=True)
    except RuntimeError:  # tensors that share memory
        shutil.rmtree(at)
        model.save_adapter(at, "a", with_head=head, use_safetensors=False)
    model.active_adapters = "a"
    model.eval()
    given = inputs_of(model, g, padded)
    fresh = model_of(base)
    fresh.load_adapter(at, load_as="a", with_head=head, use_safetensors=os.path.exists(os.path.join(at, "adapter.safetensors")))
    fresh.active_adapters = "a"
    fresh.eval()
    with torch.no_grad():
        out, again = model(**given), fresh(**given)
        fresh.set_active_adapters(None)
        plain = fresh(**given)
    keys = ["logits"] if "logits" in out else ["logits_per_image", "text_embeds", "image_embeds"]
    change = ((out[keys[0]] - plain[keys[0]]).norm() / plain[keys[0]].norm()).item()
    kept = ((out[keys[0]] - again[keys[0]]).norm() / out[keys[0]].norm()).item()
    print(f"{name}: changes {change:.3f}, after loading {kept:.1e}", sorted(os.listdir(at)))
    assert kept < 1e-5, "what was saved computes something else"
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({k: again[k].contiguous() for k in keys}, os.path.join(path, "expected.safetensors"))
    for f in os.listdir(at):
        if f not in ("adapter_config.json", "adapter.safetensors", "pytorch_adapter.bin", "model_head.safetensors", "pytorch_model_head.bin", "head_config.json"):
            os.remove(os.path.join(at, f))
    about = {"case": name, "base": f"../../golden/bases/{base}", "adapters": ["a"], "active": "a", "change_vs_base": change}
    json.dump(about, open(os.path.join(path, "case.json"), "w"), indent=1)


def main():
    bn = lambda **k: BnConfig(**{**dict(mh_adapter=True, output_adapter=True, reduction_factor=8, non_linearity="gelu"), **k})
    case("bn-norms", "bert", bn(ln_before=True, ln_after=True, non_linearity="leakyrelu", scaling="learned", leave_out=[1]), 1)
    case("bn-norm-residual", "bert", bn(ln_after=True, adapter_residual_before_ln=True, original_ln_before=True, residual_before_ln=False, reduction_factor={"0": 4, "default": 16}), 2)
    case("bn-post-add", "bert", bn(original_ln_before=True, residual_before_ln="post_add", mh_adapter=False, use_gating=True, scaling=0.7), 3)
    case("adapter-plus", "bert", AdapterPlusConfig(reduction_factor=8, stochastic_depth=0.0), 4)
    case("bn-bare", "bert", bn(original_ln_after=False, mh_adapter=False, residual_before_ln=True, original_ln_before=True), 5)
    case("par-llama", "llama", ParBnConfig(mh_adapter=True, reduction_factor=8, use_gating=True, ln_after=True), 6, padded=False)
    case("adapter-plus-vit", "vit", AdapterPlusConfig(reduction_factor=8, mh_adapter=True, stochastic_depth=0.0), 7)
    case("double-inv-llama", "llama", DoubleSeqBnInvConfig(reduction_factor=8, inv_adapter_reduction_factor=4), 8)
    case("compacter-full", "bert", CompacterConfig(reduction_factor=8, shared_phm_rule=False, factorized_phm_W=False, phm_dim=2, phm_bias=False), 9)
    case("compacter-rules", "roberta", CompacterConfig(reduction_factor=8, shared_phm_rule=False, factorized_phm_rule=True, phm_rank=2), 10)
    case("compacter-shared", "bert", CompacterConfig(reduction_factor=8, shared_phm_rule=True, factorized_phm_rule=True, shared_W_phm=True), 11)
    case("lora-llama", "llama", LoRAConfig(r=4, alpha=6, attn_matrices=["q", "k", "v"], intermediate_lora=True, output_lora=True, leave_out=[0]), 12)
    case("lora-gate", "roberta", LoRAConfig(r=4, alpha=6, attn_matrices=["k"], intermediate_lora=True, output_lora=True, use_gating=True), 13)
    case("dora", "bert", DoRAConfig(r=4, alpha=6, output_lora=True), 14)
    case("mtl-lora", "bert", MTLLoRAConfig(r=4, alpha=6, n_up_projection=3), 15)
    case("ia3-gate", "bert", IA3Config(alpha=2, output_lora=True, use_gating=True), 16)
    case("ia3-llama", "llama", IA3Config(attn_matrices=["q", "v"]), 17)
    case("lora-gpt2", "gpt2", LoRAConfig(r=4, alpha=6, attn_matrices=["q", "v"], intermediate_lora=True, output_lora=True), 18)
    case("ia3-gpt2", "gpt2", IA3Config(), 19)
    case("double-gpt2", "gpt2", DoubleSeqBnConfig(reduction_factor=8), 21)
    case("prefix-gpt2", "gpt2", PrefixTuningConfig(flat=True, prefix_length=3), 22)
    case("prefix-llama", "llama", PrefixTuningConfig(prefix_length=3, bottleneck_size=8, leave_out=[1], use_gating=True, shared_gating=False), 23, padded=False)
    case("prefix-vit", "vit", PrefixTuningConfig(prefix_length=3, bottleneck_size=8), 24)
    case("lora-vit", "vit", LoRAConfig(r=4, intermediate_lora=True, output_lora=True), 25)
    case("noreft", "roberta", NoReftConfig(r=3, suffix_positions=2, tied_weights=True, layers=[0, 2]), 29)
    case("loreft-vit", "vit", LoReftConfig(r=3, prefix_positions=2, suffix_positions=1), 30)
    case("reft-gpt2", "gpt2", LoReftConfig(r=2, suffix_positions=3), 31)
    case("head", "bert", SeqBnConfig(reduction_factor=8), 33, head=True)
    case("union", "bert", ConfigUnion(LoRAConfig(r=2), SeqBnConfig(reduction_factor=8, leave_out=[0]), ParBnConfig(reduction_factor=8, leave_out=[1, 2])), 34)
    case("seq-clip", "clip", SeqBnConfig(reduction_factor=8), 35)
    case("lora-clip", "clip", LoRAConfig(r=4, output_lora=True), 36)


main()
