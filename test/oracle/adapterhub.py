"""Adapters as AdapterHub saves and computes them, with settings that the golden cases do not have.

Run: PYTHONPATH=... python3 -P test/oracle/adapterhub.py [name ...]
Needs torch, transformers 4.57 and adapters 1.2; what it writes under test/fixtures/oracle/adapterhub is committed. Bases are
those of test/fixtures/golden/bases and test/fixtures/oracle/bases. Every adapter is saved, loaded again and computed from the files,
in float32, with the attention that transformers chooses; AdapterHub masks its prefixes out of decoders there, so those are computed
with `eager`.
"""
import json
import os
import shutil
import sys

import adapters
import torch
import transformers
from adapters import (
    AdapterPlusConfig, BnConfig, CompacterPlusPlusConfig, CompacterConfig, ConfigUnion, DoRAConfig, DoubleSeqBnConfig, DoubleSeqBnInvConfig, IA3Config, LoRAConfig, LoReftConfig,
    MTLLoRAConfig, NoReftConfig, ParBnConfig, PrefixTuningConfig, PromptTuningConfig, SeqBnConfig, SeqBnInvConfig, UniPELTConfig,
)
from adapters.composition import Average, BatchSplit, Fuse, Stack
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
BASES = [os.path.join(HERE, "../fixtures", kind, "bases") for kind in ("golden", "oracle")]
OUT = os.path.join(HERE, "../fixtures/oracle/adapterhub")


def folder_of(base):
    return next(path for path in (os.path.join(b, base) for b in BASES) if os.path.exists(path))


def model_of(base, attention=None):
    path = folder_of(base)
    config = json.load(open(os.path.join(path, "config.json")))
    # Towers have lost their names in transformers 5.
    more = {"key_mapping": {"^": "vision_model."}} if config["model_type"] == "clip_vision_model" else {}
    if attention:
        more["attn_implementation"] = attention
    model = getattr(transformers, config["architectures"][0]).from_pretrained(path, dtype=torch.float32, **more)
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
    if c.model_type == "clip_vision_model":
        return {"pixel_values": torch.randn(2, c.num_channels, c.image_size, c.image_size, generator=g)}
    if c.model_type == "whisper":
        frames = torch.randn(2, c.num_mel_bins, 2 * c.max_source_positions, generator=g)
        return {"input_features": frames, "decoder_input_ids": torch.randint(3, c.vocab_size, (2, 5), generator=g)}
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
    if c.is_encoder_decoder:
        out["decoder_input_ids"] = torch.randint(3, c.vocab_size, (2, 5), generator=g)
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


def emptied(name):
    """The folder of a case, made anew; None for one that was not asked for."""
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return None
    path = os.path.join(OUT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(os.path.join(path, "adapters"))
    return path


def case(name, base, config, seed, head=False, padded=True, attention=None):
    path = emptied(name)
    if path is None:
        return
    g = torch.Generator().manual_seed(seed)
    model = model_of(base, attention)
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
    fresh = model_of(base, attention)
    fresh.load_adapter(at, load_as="a", with_head=head, use_safetensors=os.path.exists(os.path.join(at, "adapter.safetensors")))
    fresh.active_adapters = "a"
    fresh.eval()
    with torch.no_grad():
        out, again = model(**given), fresh(**given)
        fresh.set_active_adapters(None)
        plain = fresh(**given)
    names = {"logits": "logits", "logits_per_image": "logits_per_image", "text_embeds": "text_embeds", "image_embeds": "image_embeds"}
    found = {k: n for k, n in names.items() if k in out} or {"last_hidden_state": "hidden_states", "pooler_output": "pooled"}
    keys = list(found)
    same = out[keys[0]].shape == plain[keys[0]].shape
    change = ((out[keys[0]] - plain[keys[0]]).norm() / plain[keys[0]].norm()).item() if same else 1.0
    kept = ((out[keys[0]] - again[keys[0]]).norm() / out[keys[0]].norm()).item()
    print(f"{name}: changes {change:.3f}, after loading {kept:.1e}", sorted(os.listdir(at)))
    assert kept < 1e-5, "what was saved computes something else"
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({n: again[k].contiguous() for k, n in found.items()}, os.path.join(path, "expected.safetensors"))
    for f in os.listdir(at):
        if f not in ("adapter_config.json", "adapter.safetensors", "pytorch_adapter.bin", "model_head.safetensors", "pytorch_model_head.bin", "head_config.json"):
            os.remove(os.path.join(at, f))
    about = {"case": name, "base": base, "adapters": ["a"], "active": "a", "change_vs_base": change}
    json.dump(about, open(os.path.join(path, "case.json"), "w"), indent=1)


def composition(name, base, configs, seed, setup, fusion=None):
    """Several adapters at once; `fusion` names those whose attention is saved too. The specs are those of test/golden/adapterhub."""
    path = emptied(name)
    if path is None:
        return
    g = torch.Generator().manual_seed(seed)
    model = model_of(base)
    for n, config in configs.items():
        model.add_adapter(n, config=config)
    if fusion:
        model.add_adapter_fusion(fusion)
    for n in [*configs, *([",".join(fusion)] if fusion else [])]:
        randomised(model, n, g)
    for n in configs:
        at = os.path.join(path, "adapters", n)
        flat = "prefix_length" not in json.dumps(configs[n].to_dict())
        model.save_adapter(at, n, with_head=False, use_safetensors=flat)
    if fusion:
        model.save_adapter_fusion(os.path.join(path, "fusion"), fusion, with_head=False, use_safetensors=True)
    for at, _, files in os.walk(path):
        for f in files:
            if f.startswith("head_config") or f.startswith("model_head"):
                os.remove(os.path.join(at, f))
    model.eval()
    given = inputs_of(model, g, True)
    with torch.no_grad():
        model.set_active_adapters(None)
        plain = model(**{k: v.clone() for k, v in given.items()}).logits
        model.set_active_adapters(setup)
        out = model(**{k: v.clone() for k, v in given.items()}).logits
    change = ((out - plain).norm() / plain.norm()).item()
    print(f"{name}: changes {change:.3f}")
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({"logits": out.contiguous()}, os.path.join(path, "expected.safetensors"))
    json.dump({"case": name, "base": base, "adapters": list(configs), "active": str(setup), "change_vs_base": change}, open(os.path.join(path, "case.json"), "w"), indent=1)


def main():
    small = lambda **k: SeqBnConfig(**{**dict(reduction_factor=8, non_linearity="gelu"), **k})
    composition("split-prefixes", "roberta-masked-lm", {"a": PrefixTuningConfig(prefix_length=3, flat=True), "b": PrefixTuningConfig(prefix_length=3, bottleneck_size=8)}, 61, BatchSplit("a", "b", batch_sizes=[1, 1]))
    composition("average-of-stacks", "bert-masked-lm", {"a": small(), "b": small(), "c": small()}, 62, Average(Stack("a", "b"), "c", weights=[0.6, 0.4]))
    composition("fuse-of-stacks", "bert-masked-lm", {"a": small(), "b": small(), "c": small()}, 63, Fuse(Stack("a", "b"), "c"), fusion=["b", "c"])
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
    case("prefix-gpt2", "gpt2", PrefixTuningConfig(flat=True, prefix_length=3), 22, attention="eager")
    case("prefix-llama", "llama", PrefixTuningConfig(prefix_length=3, bottleneck_size=8, leave_out=[1], use_gating=True, shared_gating=False), 23, padded=False, attention="eager")
    case("prefix-vit", "vit", PrefixTuningConfig(prefix_length=3, bottleneck_size=8), 24)
    case("lora-vit", "vit", LoRAConfig(r=4, intermediate_lora=True, output_lora=True), 25)
    case("noreft", "roberta", NoReftConfig(r=3, suffix_positions=2, tied_weights=True, layers=[0, 2]), 29)
    case("loreft-vit", "vit", LoReftConfig(r=3, prefix_positions=2, suffix_positions=1), 30)
    case("reft-gpt2", "gpt2", LoReftConfig(r=2, suffix_positions=3), 31)
    case("head", "bert", SeqBnConfig(reduction_factor=8), 33, head=True)
    case("union", "bert", ConfigUnion(LoRAConfig(r=2), SeqBnConfig(reduction_factor=8, leave_out=[0]), ParBnConfig(reduction_factor=8, leave_out=[1, 2])), 34)
    case("seq-clip", "clip", SeqBnConfig(reduction_factor=8), 35)
    case("lora-clip", "clip", LoRAConfig(r=4, output_lora=True), 36)
    case("prompt-bert", "bert", PromptTuningConfig(prompt_length=3), 37)
    case("prompt-roberta", "roberta", PromptTuningConfig(prompt_length=5, combine="prefix_after_bos"), 38)
    # Other kinds of models.
    case("seq-inv-distilbert", "distilbert", SeqBnInvConfig(reduction_factor=8, non_linearity="linear"), 39)
    case("unipelt-distilbert", "distilbert-masked-lm", UniPELTConfig(PrefixTuningConfig(prefix_length=3, bottleneck_size=8), DoubleSeqBnConfig(reduction_factor=8), LoRAConfig(r=2, alpha=3)), 40, padded=False, attention="eager")
    case("seq-bart", "bart", SeqBnInvConfig(reduction_factor=8, mh_adapter=True, cross_adapter=True), 41)
    case("lora-bart", "bart", LoRAConfig(r=2, alpha=3, attn_matrices=["q", "k"], intermediate_lora=True, output_lora=True), 42)
    case("par-whisper", "whisper-forced", ParBnConfig(reduction_factor=8, mh_adapter=True, cross_adapter=True, inv_adapter="nice", inv_adapter_reduction_factor=4), 43)
    case("ia3-whisper", "whisper-forced", IA3Config(output_lora=True, attn_matrices=["q", "v"]), 44)
    case("reft-whisper", "whisper-forced", LoReftConfig(r=2), 45)
    case("prefix-t5", "t5-gated-untied", PrefixTuningConfig(prefix_length=3, bottleneck_size=8, use_gating=True), 46, padded=False, attention="eager")
    case("prefix-t5-layers", "t5-gated-untied", PrefixTuningConfig(prefix_length=3, bottleneck_size=8, leave_out=[0, 4], cross_prefix=False), 47, padded=False, attention="eager")
    case("lora-mt5", "mt5", LoRAConfig(r=2, intermediate_lora=True), 48)
    case("double-clip-vision", "clip-vision", DoubleSeqBnConfig(reduction_factor=8), 49)
    case("prefix-clip-text", "clip-text", PrefixTuningConfig(prefix_length=3, flat=True), 50, padded=False, attention="eager")
    case("inv-gpt2", "gpt2", SeqBnInvConfig(reduction_factor=8, ln_before=True), 51)
    case("prefix-mistral", "mistral", PrefixTuningConfig(prefix_length=3, flat=True), 52, padded=False, attention="eager")
    case("compacter-bert-model", "bert-model", CompacterPlusPlusConfig(reduction_factor=8, shared_phm_rule=False), 53)
    case("lora-vit-model", "vit-pooler", LoRAConfig(r=2, output_lora=True), 54)


main()
