"""More architectures of the library, one or two small cases each.

Run: python3 test/oracle/library.py [name ...]
Needs torch, transformers and safetensors; the files it writes are committed, so tests need none of them.
"""
import sys

import torch
from transformers import (
    DistilBertConfig, DistilBertForMaskedLM, DistilBertForSequenceClassification, GemmaConfig, GemmaForCausalLM, OPTConfig, OPTForCausalLM, PhiConfig,
    PhiForCausalLM, Qwen3Config, Qwen3ForCausalLM,
)

from common import inputs, randomise
from encoders import V, case, generating, tokens

SMALL = dict(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
)
OPT = dict(
    vocab_size=V, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64, pad_token_id=1, bos_token_id=2,
    eos_token_id=2, attn_implementation="eager",
)
DISTIL = dict(vocab_size=V, dim=32, hidden_dim=48, n_layers=2, n_heads=4, max_position_embeddings=40, attn_implementation="eager")


def main():
    logits = {"logits": "logits"}
    generating("qwen3", randomise(Qwen3ForCausalLM(Qwen3Config(**SMALL, head_dim=12, tie_word_embeddings=True)), 51), inputs(V, 51))
    generating("gemma", randomise(GemmaForCausalLM(GemmaConfig(**SMALL, head_dim=12)), 52), inputs(V, 52))
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    generating("phi", randomise(PhiForCausalLM(PhiConfig(**SMALL, qk_layernorm=True, rope_parameters=rope)), 53), inputs(V, 53))
    generating("opt", randomise(OPTForCausalLM(OPTConfig(**OPT)), 54), inputs(V, 54))
    generating("opt-post-norm", randomise(OPTForCausalLM(OPTConfig(**OPT, do_layer_norm_before=False, word_embed_proj_dim=24)), 55), inputs(V, 55))
    case("distilbert", randomise(DistilBertForSequenceClassification(DistilBertConfig(**DISTIL, num_labels=3)), 56), tokens(56), logits)
    case("distilbert-masked-lm", randomise(DistilBertForMaskedLM(DistilBertConfig(**DISTIL)), 57), tokens(57), logits)


if __name__ == "__main__":
    main()
