"""More architectures of the library, one or two small cases each.

Run: python3 test/oracle/library.py [name ...]
Needs torch, transformers and safetensors; the files it writes are committed, so tests need none of them.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    DistilBertConfig, DistilBertForMaskedLM, DistilBertForSequenceClassification, GemmaConfig, GemmaForCausalLM, GemmaForSequenceClassification, LlamaConfig,
    LlamaForCausalLM, LlamaForSequenceClassification, OPTConfig, OPTForCausalLM, PhiConfig,
    PhiForCausalLM, Qwen3Config, Qwen3ForCausalLM, ViTConfig, ViTForImageClassification,
)

from common import folder, inputs, load_file, randomise, save_file, write_json
from encoders import V, case, generating, images, tokens

SMALL = dict(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
)
OPT = dict(
    vocab_size=V, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64, pad_token_id=1, bos_token_id=2,
    eos_token_id=2, attn_implementation="eager",
)
DISTIL = dict(vocab_size=V, dim=32, hidden_dim=48, n_layers=2, n_heads=4, max_position_embeddings=40, attn_implementation="eager")


def older_names(name):
    """An adapter on modules as transformers named them before version 5, which is how files still name their tensors."""
    old = {"q_proj": "attention.query", "k_proj": "attention.key", "v_proj": "attention.value", "o_proj": "output.dense"}
    model = ViTForImageClassification(ViTConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=24, patch_size=8, num_labels=3))
    given = images(58)
    case("vit-classifier", randomise(model, 58), given, {"logits": "logits"})
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    path = folder("peft", name)
    adapted = randomise(get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "o_proj"], modules_to_save=["classifier"])), 58)
    randomised = ViTForImageClassification.from_pretrained(os.path.join(path, "../../bases/vit-classifier"))
    adapted.base_model.model.load_state_dict(
        {k.replace("_proj.", "_proj.base_layer.") if "k_proj" not in k else k: v for k, v in randomised.state_dict().items() if not k.startswith("classifier")}, strict=False)
    at = os.path.join(path, "adapters/a")
    adapted.save_pretrained(at)
    file = os.path.join(at, "adapter_model.safetensors")
    renamed = {}
    for n, t in load_file(file).items():
        for new, before in old.items():
            n = n.replace(".layers.", ".encoder.layer.").replace(f"attention.{new}", f"attention.{before}")
        renamed[n] = t.clone()
    save_file(renamed, file, metadata={"format": "pt"})
    config = json.load(open(os.path.join(at, "adapter_config.json")))
    config["target_modules"] = ["query", "value", "attention.output.dense"]
    config["base_model_name_or_path"] = "bases/vit-classifier"
    write_json(at, "adapter_config.json", config)
    os.path.exists(os.path.join(at, "README.md")) and os.remove(os.path.join(at, "README.md"))
    write_json(path, "case.json", {"case": name, "base": "vit-classifier", "adapters": ["a"]})
    with torch.no_grad():
        out = adapted.eval()(**given).logits
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({"logits": out.contiguous()}, os.path.join(path, "expected.safetensors"))
    print(name)


def main():
    older_names("vit-older-names")
    logits = {"logits": "logits"}
    generating("qwen3", randomise(Qwen3ForCausalLM(Qwen3Config(**SMALL, head_dim=12, tie_word_embeddings=True)), 51), inputs(V, 51))
    generating("gemma", randomise(GemmaForCausalLM(GemmaConfig(**SMALL, head_dim=12)), 52), inputs(V, 52))
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 8.0, "mscale": 0.8, "mscale_all_dim": 0.5}
    generating("llama-yarn", randomise(LlamaForCausalLM(LlamaConfig(**{**SMALL, "head_dim": 16}, rope_parameters=yarn)), 65), inputs(V, 65))
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    generating("phi", randomise(PhiForCausalLM(PhiConfig(**SMALL, qk_layernorm=True, rope_parameters=rope)), 53), inputs(V, 53))
    generating("opt", randomise(OPTForCausalLM(OPTConfig(**OPT)), 54), inputs(V, 54))
    generating("opt-post-norm", randomise(OPTForCausalLM(OPTConfig(**OPT, do_layer_norm_before=False, word_embed_proj_dim=24)), 55), inputs(V, 55))
    case("llama-classifier", randomise(LlamaForSequenceClassification(LlamaConfig(**SMALL, num_labels=3)), 63), tokens(63), logits)
    case("gemma-classifier", randomise(GemmaForSequenceClassification(GemmaConfig(**SMALL, head_dim=12, num_labels=4)), 64), inputs(V, 64), logits)
    case("distilbert", randomise(DistilBertForSequenceClassification(DistilBertConfig(**DISTIL, num_labels=3)), 56), tokens(56), logits)
    case("distilbert-masked-lm", randomise(DistilBertForMaskedLM(DistilBertConfig(**DISTIL)), 57), tokens(57), logits)


if __name__ == "__main__":
    main()
