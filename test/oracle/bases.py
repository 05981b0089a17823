"""Base models of the Llama family that the shared golden cases do not cover.

Run: python3 test/oracle/bases.py
Needs torch, transformers and safetensors; the files it writes are committed, so tests need none of them.
"""
import os

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

from common import OUT, distance, expect, folder, inputs, load_file, randomise, save_file, write_json

V = 96
SMALL = dict(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
)


def save(model, path, **options):
    model.generation_config.eos_token_id = 2
    model.save_pretrained(path, **options)


def reference(path):
    """The model as any user loads it, in float32 arithmetic on the stored weights."""
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def case(name, kind, config, seed, dtype=torch.float32, **options):
    path = folder("bases", name)
    model = randomise(kind(config), seed).to(dtype)
    save(model, path, **options)
    expect(reference(path), inputs(V, seed), path)
    return path


def old_layout(name, model_config, config, seed, extra=None):
    """A checkpoint with the config.json of an older transformers, and perhaps tensors that it used to store."""
    path = folder("bases", name)
    save(randomise(LlamaForCausalLM(model_config), seed), path)
    write_json(path, "config.json", config)
    if extra:
        file = os.path.join(path, "model.safetensors")
        save_file({**load_file(file), **extra}, file, metadata={"format": "pt"})
    expect(reference(path), inputs(V, seed), path)


def matters(name, **changes):
    """Fails when changing a field of the config changes nothing: then the case would not test it."""
    path = os.path.join(OUT, "bases", name)
    model = reference(path)
    config = type(model.config)(**{**model.config.to_dict(), **changes})
    config._attn_implementation = "eager"
    other = type(model)(config).eval()
    other.load_state_dict(model.state_dict(), strict=False)
    other.tie_weights()
    given = load_file(os.path.join(path, "inputs.safetensors"))
    with torch.no_grad():
        away = distance(other(**given).logits, load_file(os.path.join(path, "expected.safetensors"))["logits"])
    print(f"{name}: {list(changes)} matters by {away:.3f}")
    assert away > 0.02, name


def main():
    torch.manual_seed(0)
    case("mistral", MistralForCausalLM, MistralConfig(**SMALL, sliding_window=5), 11)
    case("mistral-full", MistralForCausalLM, MistralConfig(**{**SMALL, "num_key_value_heads": 1}, sliding_window=None, head_dim=12), 12)
    case("llama-sharded", LlamaForCausalLM, LlamaConfig(**SMALL), 13, max_shard_size="30KB")
    case("llama-f16", LlamaForCausalLM, LlamaConfig(**SMALL), 14, torch.float16)
    case("llama-bf16", LlamaForCausalLM, LlamaConfig(**SMALL, tie_word_embeddings=True), 15, torch.bfloat16)
    case("llama-head-dim", LlamaForCausalLM, LlamaConfig(**{**SMALL, "hidden_size": 40}, head_dim=16), 16)
    case("llama-biases", LlamaForCausalLM, LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True), 17)
    case(
        "llama-linear-rope", LlamaForCausalLM,
        LlamaConfig(**SMALL, rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0}), 18,
    )
    case("qwen2-tied", Qwen2ForCausalLM, Qwen2Config(**SMALL, tie_word_embeddings=True), 25)
    case("qwen2-untied", Qwen2ForCausalLM, Qwen2Config(**SMALL, tie_word_embeddings=False), 19)
    case(
        "qwen2-window", Qwen2ForCausalLM,
        Qwen2Config(**{**SMALL, "num_hidden_layers": 3}, use_sliding_window=True, sliding_window=4, max_window_layers=1, tie_word_embeddings=True), 20,
    )
    case("llama-bf16-sharded", LlamaForCausalLM, LlamaConfig(**{**SMALL, "num_hidden_layers": 3}), 21, torch.bfloat16, max_shard_size="16KB")
    # Llama 1: no grouped heads, no head_dim, no key/value head count in the config; checkpoints of its time hold the
    # rotary frequencies too, which nothing reads.
    frequencies = 1.0 / (10000.0 ** (torch.arange(0, 8, 2).float() / 8))
    old_layout(
        "llama-1", LlamaConfig(**{**SMALL, "num_key_value_heads": 4, "rms_norm_eps": 1e-06}),
        {
            "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 32,
            "initializer_range": 0.02, "intermediate_size": 48, "max_position_embeddings": 128, "model_type": "llama",
            "num_attention_heads": 4, "num_hidden_layers": 2, "pad_token_id": 0, "rms_norm_eps": 1e-06,
            "tie_word_embeddings": False, "torch_dtype": "float32", "transformers_version": "4.28.1", "use_cache": True, "vocab_size": V,
        },
        22,
        {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": frequencies.clone() for i in range(2)},
    )
    # The layout before rope_parameters: rope_theta and rope_scaling at the top level.
    before = {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": [2, 3],
        "head_dim": 8, "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 48,
        "max_position_embeddings": 256, "mlp_bias": False, "model_type": "llama", "num_attention_heads": 4, "num_hidden_layers": 2,
        "num_key_value_heads": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "tie_word_embeddings": True,
        "torch_dtype": "float32", "transformers_version": "4.45.0", "use_cache": True, "vocab_size": V, "pad_token_id": 0,
    }
    old_layout(
        "llama3-older-config", LlamaConfig(**SMALL, tie_word_embeddings=True, rms_norm_eps=1e-05),
        {**before, "rope_theta": 500000.0, "rope_scaling": {
            "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 32, "rope_type": "llama3"}},
        23,
    )
    old_layout("llama-linear-older-config", LlamaConfig(**SMALL, tie_word_embeddings=True, rms_norm_eps=1e-05), {**before, "rope_theta": 10000.0, "rope_scaling": {"factor": 2.0, "type": "linear"}}, 24)
    plain = {"rope_type": "default", "rope_theta": 10000.0}
    matters("mistral", sliding_window=None)
    matters("qwen2-window", use_sliding_window=False, layer_types=["full_attention"] * 3)
    matters("llama-linear-rope", rope_parameters=plain)
    matters("llama-linear-older-config", rope_parameters=plain)
    matters("llama3-older-config", rope_parameters={**plain, "rope_theta": 500000.0})
    matters("llama3-older-config", rope_parameters=plain)


if __name__ == "__main__":
    main()
