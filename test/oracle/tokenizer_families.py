"""Tiny tokenizers of several families and what transformers makes of nasty texts and of random ids with them; writes
test/fixtures/oracle/tokenizers.json.

Needs sentencepiece and protobuf beside transformers. Usage: python3 tokenizer_families.py
"""
import json
import os
import random
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))

import sentencepiece as spm  # noqa: E402
from sentencepiece import sentencepiece_model_pb2 as pb  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: E402

corpus = open(os.path.join(here, "..", "..", "docs", "glossary.md")).read().split("\n") + ["naïve café", "日本語のテキスト", "Don't we'll STOP , ever ."] * 4
bytes_ = [f"<0x{i:02X}>" for i in range(256)]


def bpe():
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=380, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False))
    model = json.loads(t.to_str())["model"]
    t = Tokenizer(models.BPE(vocab=model["vocab"], merges=[tuple(m) for m in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in ["<unk>", "<s>", "</s>"]])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return t


def unigram(folder, byte_fallback):
    text, rules, prefix = (os.path.join(folder, n) for n in ["c.txt", "rules.tsv", "m"])
    open(text, "w").write("\n".join(corpus))
    pairs = [(chr(c), chr(c + 32)) for c in range(65, 91)] + [("\ufb01", "fi"), ("\u00a0", " "), ("\u3000", " "), ("\u200d", " "), ("e\u0301", "é"), ("½", "1/2"), ("\ufeff", "")]
    open(rules, "w").write("".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in pairs))
    spm.SentencePieceTrainer.train(
        input=text, model_prefix=prefix, minloglevel=2, model_type="unigram", vocab_size=340 if byte_fallback else 110, hard_vocab_limit=False,
        normalization_rule_tsv=rules, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=byte_fallback)
    m = pb.ModelProto()
    m.ParseFromString(open(prefix + ".model", "rb").read())
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=2, byte_fallback=byte_fallback))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(m.normalizer_spec.precompiled_charsmap), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]) if byte_fallback else decoders.Metaspace()
    t.add_special_tokens([AddedToken(x, special=True) for x in ["<pad>", "</s>", "<unk>", "<extra_id_0>"]])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return t


texts = [
    "", " ", "  ", "Hello WORLD", "naïve café e\u0301 – “quotes”", "日本語のテキスト", "emoji 😀👩\u200d👩\u200d👧 done", "  two  spaces\t tab\r\n", "a</s>b <s> literal",
    "he does n't stop , ever .", "\ufeffbom", "ﬁ ligature ½ ①", "wide\u00a0nbsp\u3000x", "Z\u0334\u0351a\u0301lgo", "<0x41> <0xFF>", "▁literal▁ ", "<extra_id_0> a", "trailing   ", "nul\x00char",
]
chance = random.Random(3)
pieces = list("ab c.,'!\n\t0é日😀E") + ["  ", "</s>", "n't", "▁", "\u0301", "<0x0A>", "ing", "THE "]
texts += ["".join(chance.choice(pieces) for _ in range(chance.randint(1, 12))) for _ in range(25)]
out = {}
with tempfile.TemporaryDirectory() as folder:
    for name, made, special in [
        ("bpe with bytes", bpe(), dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")),
        ("unigram", unigram(folder, False), dict(eos_token="</s>", pad_token="<pad>", unk_token="<unk>")),
        ("unigram with bytes", unigram(folder, True), dict(eos_token="</s>", pad_token="<pad>", unk_token="<unk>")),
    ]:
        place = os.path.join(folder, name.replace(" ", "-"))
        PreTrainedTokenizerFast(tokenizer_object=made, **special).save_pretrained(place)
        tok = AutoTokenizer.from_pretrained(place)
        rows = [{"text": t, "ids": tok(t)["input_ids"], "decoded": tok.decode(tok(t)["input_ids"], skip_special_tokens=True)} for t in texts]
        raw = [[chance.randrange(len(tok) + 2) for _ in range(chance.randint(1, 8))] for _ in range(40)]
        out[name] = {
            "definition": json.load(open(os.path.join(place, "tokenizer.json"))), "config": json.load(open(os.path.join(place, "tokenizer_config.json"))), "rows": rows,
            "raw": [{"ids": ids, "whole": tok.decode(ids)} for ids in raw],
        }
with open(os.path.join(here, "..", "fixtures", "oracle", "tokenizers.json"), "w") as f:
    json.dump(out, f, ensure_ascii=True)
    f.write("\n")
