"""Small encoder-decoder models of transformers with what they generate, under test/fixtures/oracle/bases.

Each has `logits` for teacher-forced ids and `greedy_ids` of `generate(do_sample=False)` without an end token, which begin with
the ids the configs give the decoder. Weights are scaled so that every operation matters.

Run with: python3 test/oracle/encoder_decoder.py
"""
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig, BartForConditionalGeneration, GenerationConfig, MT5Config, MT5ForConditionalGeneration, T5Config, T5EncoderModel, T5ForConditionalGeneration,
    WhisperConfig, WhisperForConditionalGeneration,
)
from transformers.generation import GenerationMixin

OUT = Path(__file__).parent.parent / "fixtures" / "oracle" / "bases"
NEW = 12


def scaled(model, seed):
    """Random weights whose products keep the size of what they multiply; norms, biases and tables off their defaults."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(dict(model.named_parameters()).items()):
            if p.dim() >= 2:
                table = next((size for part, size in {"embed_tokens": 0.2, "shared": 0.2, "embed_positions": 0.5, "bias": 1.0}.items() if part in name), None)
                p.copy_(torch.randn(p.shape, generator=g) * (table or 1.5 * p[0].numel() ** -0.5))
            else:
                p.copy_(torch.randn(p.shape, generator=g) * 0.2 + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
    return model.eval()


def save(name, model, generation, inputs, config_edit=None, tensors_edit=None, greedy=True):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(folder)
    if config_edit:
        path = folder / "config.json"
        config = config_edit(json.loads(path.read_text()))
        path.write_text(json.dumps(config, indent=2) + "\n")
    if tensors_edit:
        tensors = tensors_edit(load_file(folder / "model.safetensors"))
        save_file({k: v.clone().contiguous() for k, v in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    model = type(model).from_pretrained(folder).eval()
    with torch.no_grad():
        out = model(**inputs)
        expected = {"logits": out.logits} if hasattr(out, "logits") else {"hidden_states": out.last_hidden_state}
        if greedy:
            read = {k: v for k, v in inputs.items() if not k.startswith("decoder_")}
            config = GenerationConfig(**{**generation, "eos_token_id": [10 ** 6]}, max_new_tokens=NEW, do_sample=False, use_cache=False)
            whisper = isinstance(model, WhisperForConditionalGeneration)
            # Whisper's own `generate` cuts the prompt off; the general one keeps it. Its prompt comes from the same config.
            start = {"decoder_input_ids": torch.tensor([prompt_of(generation)] * len(next(iter(read.values()))))} if whisper else {}
            expected["greedy_ids"] = GenerationMixin.generate(model, **read, **start, generation_config=config)
    save_file({k: v.contiguous() for k, v in inputs.items()}, folder / "inputs.safetensors")
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    for extra in folder.glob("*.md"):
        extra.unlink()
    print(name, {k: tuple(v.shape) for k, v in expected.items()}, expected.get("greedy_ids", torch.zeros(0)).tolist())


def prompt_of(generation):
    forced = [i for _, i in generation.get("forced_decoder_ids") or []]
    plain = generation.get("no_timestamps_token_id")
    return [generation["decoder_start_token_id"], *forced, *([plain] if plain is not None else [])]


def text_inputs(seed, vocabulary, width=9, rows=2, left=0, right=3, decoder=5):
    g = torch.Generator().manual_seed(seed)
    ids = lambda n: torch.randint(3, vocabulary, (rows, n), generator=g)
    mask = torch.ones(rows, width, dtype=torch.long)
    if left:
        mask[0, :left] = 0
    if right:
        mask[1, width - right:] = 0
    return {"input_ids": ids(width), "attention_mask": mask, "decoder_input_ids": ids(decoder)}


def t5(name, seed, inputs, generation, untied=False, old=False, duplicates=False, **options):
    config = T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0, **options)
    model = scaled(T5ForConditionalGeneration(config), seed)

    def edit(c):
        if old:  # as files were written before version 5
            for field in ("scale_decoder_outputs", "tie_word_embeddings", "dense_act_fn", "is_gated_act", "num_decoder_layers"):
                c.pop(field, None)
            c |= {"n_positions": 512, "output_past": True, "task_specific_params": {"summarization": {"prefix": "summarize: "}}}
        if untied:
            c |= {"tie_word_embeddings": False}
            c.pop("scale_decoder_outputs", None)
        return c

    def tensors(t):
        g = torch.Generator().manual_seed(seed + 1)
        if untied:
            t["lm_head.weight"] = torch.randn(96, 32, generator=g) * 32 ** -0.5
        if duplicates:
            t["encoder.embed_tokens.weight"] = t["shared.weight"]
            t["decoder.embed_tokens.weight"] = t["shared.weight"]
            t["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(32, 4)
        return t

    save(name, model, generation, inputs, edit, tensors)


def main():
    plain = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    t5("t5-relu-old-config", 1, text_inputs(2, 96), plain, old=True, feed_forward_proj="relu")
    t5("t5-gated-untied", 3, text_inputs(4, 96, left=2, right=0), plain, untied=True, duplicates=True, feed_forward_proj="gated-gelu",
       num_decoder_layers=3, relative_attention_num_buckets=8, relative_attention_max_distance=6)
    t5("t5-gated-silu-forced", 5, text_inputs(6, 96, width=40), {**plain, "decoder_start_token_id": 5, "forced_bos_token_id": 7, "suppress_tokens": [9, 10, 11, 12]},
       feed_forward_proj="gated-silu", relative_attention_num_buckets=12, relative_attention_max_distance=20)

    encoder = scaled(T5EncoderModel(T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu")), 7)
    read = {k: v for k, v in text_inputs(8, 96).items() if not k.startswith("decoder_")}
    save("t5-encoder", encoder, {"pad_token_id": 0}, read, greedy=False)

    config = WhisperConfig(
        vocab_size=96, d_model=32, encoder_layers=2, decoder_layers=3, encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_ffn_dim=64, num_mel_bins=8, max_source_positions=10, max_target_positions=40, decoder_start_token_id=2, pad_token_id=0, bos_token_id=1,
        eos_token_id=1, begin_suppress_tokens=None, activation_function="gelu",
    )
    g = torch.Generator().manual_seed(9)
    heard = {"input_features": torch.randn(2, 8, 20, generator=g), "decoder_input_ids": torch.randint(3, 96, (2, 4), generator=g)}
    save("whisper-forced", scaled(WhisperForConditionalGeneration(config), 10), {
        "decoder_start_token_id": 2, "pad_token_id": 0, "eos_token_id": 1, "forced_decoder_ids": [[1, 40], [2, 41]], "no_timestamps_token_id": 42,
        "suppress_tokens": list(range(50, 70)), "begin_suppress_tokens": [80, 81, 82, 83, 84, 85, 86],
    }, heard)

    config = MT5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    model, head = scaled(MT5ForConditionalGeneration(config), 16), torch.randn(96, 32, generator=torch.Generator().manual_seed(17)) * 32 ** -0.5
    save("mt5", model, {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}, text_inputs(18, 96),
         lambda c: {k: v for k, v in c.items() if k not in ("decoder_start_token_id", "feed_forward_proj", "dense_act_fn", "is_gated_act")}
         | {"tie_word_embeddings": False}, lambda t: t | {"lm_head.weight": head})

    def bart(name, seed, inputs, tensors, **options):
        config = BartConfig(
            vocab_size=96, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=48,
            decoder_ffn_dim=64, max_position_embeddings=40, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, **options,
        )
        save(name, scaled(BartForConditionalGeneration(config), seed), {"decoder_start_token_id": 2, "pad_token_id": 1, "eos_token_id": 2, "forced_bos_token_id": 0},
             inputs, tensors_edit=tensors)

    # The bias of the logits is a buffer: zero in most files, absent in some.
    shifted = lambda t: t | {"final_logits_bias": torch.randn(1, 96, generator=torch.Generator().manual_seed(12))}
    bart("bart", 11, text_inputs(13, 96), shifted, scale_embedding=True, activation_function="relu")
    bart("bart-no-logits-bias", 14, text_inputs(15, 96, left=2, right=0), lambda t: {k: v for k, v in t.items() if k != "final_logits_bias"})


if __name__ == "__main__":
    main()
