"""Encoders, GPT-2 and dual encoders that the shared golden cases do not cover: other heads, older layouts, other fields.

Run: python3 test/oracle/encoders.py [name ...]
Needs torch, transformers and safetensors; the files it writes are committed, so tests need none of them.
"""
import os
import sys

import torch
from transformers import (
    BertConfig, BertForMaskedLM, BertForTokenClassification, BertModel, CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection,
    CLIPVisionConfig, CLIPVisionModel, GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, RobertaConfig, RobertaForMaskedLM, ViTConfig,
    ViTModel,
)

from common import expect, folder, inputs, load_file, randomise, save_file

V = 96
ENCODER = dict(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=40,
    attn_implementation="eager",
)
GPT2 = dict(vocab_size=V, n_positions=64, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2, pad_token_id=0, attn_implementation="eager")
TEXT = dict(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=24, projection_dim=20,
    pad_token_id=0, bos_token_id=1,
)
VISION = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8, projection_dim=20)


def tokens(seed, length=11, pad=3, pad_id=0, types=0, left=False):
    """Two rows, the second padded; token types where asked for."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, V - 1, (2, length), generator=generator)
    mask = torch.ones_like(ids)
    where = slice(0, pad) if left else slice(length - pad, length)
    ids[1, where] = pad_id
    mask[1, where] = 0
    given = {"input_ids": ids, "attention_mask": mask}
    if types:
        given["token_type_ids"] = torch.randint(0, types, ids.shape, generator=generator)
    return given


def images(seed, count=2, size=24):
    return {"pixel_values": torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))}


def case(name, model, given, outputs, rename=lambda n: n, extra=None):
    """Writes a case; `outputs` names ours by theirs."""
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    path = folder("bases", name)
    model.save_pretrained(path)
    file = os.path.join(path, "model.safetensors")
    stored = {rename(n): t for n, t in load_file(file).items()}
    save_file({**stored, **(extra or {})}, file, metadata={"format": "pt"})
    with torch.no_grad():
        out = model.eval()(**given)
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file({ours: out[theirs].contiguous() for theirs, ours in outputs.items()}, os.path.join(path, "expected.safetensors"))
    print(name)


def generating(name, model, given, rename=lambda n: n, extra=None):
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    path = folder("bases", name)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(path)
    file = os.path.join(path, "model.safetensors")
    stored = {rename(n): t for n, t in load_file(file).items()}
    save_file({**stored, **(extra or {})}, file, metadata={"format": "pt"})
    expect(model, given, path)
    print(name)


def old_bert(name):
    """The names of the first BERT checkpoints."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def main():
    logits = {"logits": "logits"}
    pooled = {"last_hidden_state": "hidden_states", "pooler_output": "pooled"}
    positions = {"bert.embeddings.position_ids": torch.arange(40)[None]}
    case(
        "bert-masked-lm", randomise(BertForMaskedLM(BertConfig(**ENCODER)), 31), tokens(31, types=2), logits, old_bert,
        {**positions, "bert.pooler.dense.weight": torch.zeros(32, 32), "bert.pooler.dense.bias": torch.zeros(32)},
    )
    case("bert-untied-lm", randomise(BertForMaskedLM(BertConfig(**ENCODER, tie_word_embeddings=False)), 30), tokens(30), logits)
    case("bert-model", randomise(BertModel(BertConfig(**ENCODER, hidden_act="gelu_new")), 32), tokens(32, types=2), pooled, lambda n: f"bert.{n}")
    case("bert-tagger", randomise(BertForTokenClassification(BertConfig(**ENCODER, hidden_act="relu")), 33), tokens(33), logits)
    case("roberta-masked-lm", randomise(RobertaForMaskedLM(RobertaConfig(**ENCODER, pad_token_id=1, type_vocab_size=1)), 34), tokens(34, pad_id=1, left=True), logits)
    bare = lambda n: n.removeprefix("transformer.")
    masks = {f"h.{i}.attn.bias": torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64) for i in range(3)}
    generating("gpt2-variant", randomise(GPT2LMHeadModel(GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True, n_inner=40, activation_function="gelu")), 35), inputs(V, 35), bare, masks)
    generating("gpt2-unscaled", randomise(GPT2LMHeadModel(GPT2Config(**GPT2, scale_attn_weights=False, tie_word_embeddings=False, reorder_and_upcast_attn=True, activation_function="relu")), 36), inputs(V, 36))
    case("gpt2-classifier", randomise(GPT2ForSequenceClassification(GPT2Config(**GPT2, num_labels=3)), 37), tokens(37), logits)
    vit = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=24, patch_size=6)
    case("vit-pooler", randomise(ViTModel(ViTConfig(**vit, qkv_bias=False, pooler_output_size=20, pooler_act="gelu")), 38), images(38), pooled)
    texts = tokens(39, length=9)
    texts["input_ids"][0, 5:7] = V - 1
    texts["input_ids"][1, 4] = V - 1
    three = {"input_ids": torch.cat([texts["input_ids"], texts["input_ids"].flip(0)[:1]]), "attention_mask": torch.cat([texts["attention_mask"], texts["attention_mask"].flip(0)[:1]])}
    both = {"image_embeds": "image_embeds", "text_embeds": "text_embeds", "logits_per_image": "logits_per_image", "logits_per_text": "logits_per_text"}
    config = CLIPConfig(text_config=dict(**TEXT, eos_token_id=V - 1, hidden_act="gelu"), vision_config=VISION, projection_dim=20)
    case("clip-end-token", randomise(CLIPModel(config), 39), {**three, **images(39)}, both)
    case("clip-text", randomise(CLIPTextModelWithProjection(CLIPTextConfig(**TEXT, eos_token_id=2)), 40), texts, {"text_embeds": "text_embeds", "last_hidden_state": "hidden_states"})
    case("clip-vision", randomise(CLIPVisionModel(CLIPVisionConfig(**VISION)), 41), images(41), pooled)


if __name__ == "__main__":
    main()
