"""Prefix, prompt and p-tuning and adaption prompts of PEFT on several architectures.

Run after bases.py and the scripts of other architectures: python3 test/oracle/prompts.py
Needs torch, transformers, peft and safetensors; the files it writes are committed, so tests need none of them.
The bases are those of the golden cases, or of bases.py and encoders.py; what PEFT saved is loaded again before the expected outputs are computed.
"""
import json
import os
import sys

import peft
import torch
import transformers
from peft import AdaptionPromptConfig, PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file

from common import distance, folder, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
BASES = os.path.join(HERE, "../fixtures/golden/bases")
OWN_BASES = os.path.join(HERE, "../fixtures/oracle/bases")


def at(name):
    golden = os.path.join(BASES, name)
    return golden if os.path.exists(golden) else os.path.join(OWN_BASES, name)


def base(name):
    path = at(name)
    config = transformers.AutoConfig.from_pretrained(path)
    kind = getattr(transformers, config.architectures[0])
    return kind.from_pretrained(path, attn_implementation="eager").float().eval()


def case(name, on, config, seed, greedy=12):
    path = folder("peft", name)
    given = load_file(os.path.join(at(on), "inputs.safetensors"))
    plain = base(on)
    with torch.no_grad():
        before = plain(**given).logits
    config.base_model_name_or_path = f"bases/{on}"
    model = get_peft_model(plain, config, adapter_name="a")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.requires_grad:
                p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if "lstm" in key or "mlp" in key or "transform" in key else 0.8))
    model.save_pretrained(os.path.join(path, "adapters"))
    os.remove(os.path.join(path, "adapters", "a", "README.md")) if os.path.exists(os.path.join(path, "adapters", "a", "README.md")) else None
    for extra in ["README.md"]:
        if os.path.exists(os.path.join(path, "adapters", extra)):
            os.remove(os.path.join(path, "adapters", extra))
    # PEFT writes the path that the base was read from.
    place = os.path.join(path, "adapters", "a", "adapter_config.json")
    with open(place) as f:
        saved = json.load(f)
    with open(place, "w") as f:
        json.dump({**saved, "base_model_name_or_path": f"bases/{on}"}, f, indent=2, sort_keys=True)
    again = PeftModel.from_pretrained(base(on), os.path.join(path, "adapters", "a")).eval()
    with torch.no_grad():
        logits = again(**given).logits.float()
    out = {"logits": logits.contiguous()}
    if greedy:
        with torch.no_grad():
            out["greedy_ids"] = again.generate(
                **given, max_new_tokens=greedy, min_new_tokens=greedy, do_sample=False, eos_token_id=None, pad_token_id=0).contiguous()
    save_file(given, os.path.join(path, "inputs.safetensors"))
    save_file(out, os.path.join(path, "expected.safetensors"))
    real = logits[:, logits.shape[1] - before.shape[1]:] if logits.dim() == 3 else logits
    write_json(path, "case.json", {
        "case": name, "base": on, "adapters": ["a"], "method": config.peft_type.value,
        "produced_by": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
        "change_vs_base": distance(real, before),
    })
    print(name, tuple(logits.shape), f"{distance(real, before):.3f}")


CASES = {
    "prefix-projection": lambda n: case(n, "llama3", PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, prefix_projection=True, encoder_hidden_size=24), 1),
    "prefix-gpt2": lambda n: case(n, "gpt2", PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5), 2),
    "prefix-bert": lambda n: case(n, "bert", PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3), 3, 0),
    "prefix-t5": lambda n: case(n, "t5", PrefixTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=4), 4, 0),
    "prefix-opt": lambda n: case(n, "opt", PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3), 12),
    "prefix-phi": lambda n: case(n, "phi", PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4), 13),
    "adaption-prompt-one": lambda n: case(n, "llama3", AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=3, adapter_layers=1), 5),
    "adaption-prompt-gpt2": lambda n: case(n, "gpt2", AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=3, adapter_layers=2), 6),
    "prompt-gpt2": lambda n: case(n, "gpt2", PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4), 7),
    "prompt-bert": lambda n: case(n, "bert", PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4), 8, 0),
    "prompt-roberta": lambda n: case(n, "roberta", PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4), 9, 0),
    "prompt-t5": lambda n: case(n, "t5", PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=4), 10, 0),
    # Rows of both are padded on the right: what is embedded is judged by its last column, padding or not.
    "prompt-classifier": lambda n: case(n, "llama-classifier", PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3), 14, 0),
    "prompt-classifier-gpt2": lambda n: case(n, "gpt2-classifier", PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4), 15, 0),
    "prefix-classifier": lambda n: case(n, "llama-classifier", PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3), 16, 0),
    "p-tuning-lstm": lambda n: case(n, "qwen2", PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=16, encoder_reparameterization_type="LSTM"), 11),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        try:
            CASES[name](name)
        except Exception as e:
            print(name, "FAILED", type(e).__name__, str(e)[:300])
