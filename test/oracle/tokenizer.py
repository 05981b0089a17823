"""What transformers' tokenizer and chat templates make of fixed texts; writes test/fixtures/oracle/tokenizer.json.

Usage: python3 tokenizer.py FOLDER_WITH_TOKENIZER
"""
import json
import os
import sys

from transformers import AutoTokenizer

here = os.path.dirname(os.path.abspath(__file__))
tok = AutoTokenizer.from_pretrained(sys.argv[1])
texts = [
    "", " ", "Hello world", "In the beginning God created the heaven and the earth.", "def f(x):\n    return x + 1\n", "naïve café – “quotes”",
    "日本語のテキスト", "emoji 😀👩‍👩‍👧 done", "  two  spaces\t tab\r\n", "<s> literal </s>", "a" * 50, "Z̴͑a\u0301lgo", "1234567890 3.14159",
    " .", "he does n't stop , ever .",
]
rows = []
for t in texts:
    ids = tok(t)["input_ids"]
    rows.append({
        "text": t, "ids": ids, "plain": tok(t, add_special_tokens=False)["input_ids"],
        "decoded": tok.decode(ids, skip_special_tokens=True), "whole": tok.decode(ids),
    })
template = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' and not loop.first %}{{ raise_exception('late system') }}{% endif %}"
    "[{{ m['role'] | upper }}] {{ m['content'] | trim }}{% if not loop.last %}\n{% endif %}{% endfor %}{% if add_generation_prompt %}\n[ASSISTANT]{% endif %}"
)
messages = [{"role": "system", "content": " be brief "}, {"role": "user", "content": "hi\n"}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "why"}]
tok.chat_template = template
chat = {
    "template": template, "messages": messages,
    "prompt": tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=True),
    "without": tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=False),
}
with open(os.path.join(here, "..", "fixtures", "oracle", "tokenizer.json"), "w") as f:
    json.dump({"rows": rows, "chat": chat}, f, ensure_ascii=False, indent=1)
    f.write("\n")
