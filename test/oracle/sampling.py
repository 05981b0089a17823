"""What transformers' logits processors and tokenizer make of fixed inputs; writes test/fixtures/oracle/sampling.json."""
import json
import os

import torch
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper,
)

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(7)
logits = [torch.randn(1, 40) * s for s in (1.0, 3.0, 0.2)]
logits.append(torch.tensor([[1.0, 2.0, 2.0, 0.5, 2.0, -1.0, 0.5, 0.0]]))
seen = [3, 5, 5, 0, 7]
options = [
    {"temperature": 0.7}, {"topK": 5}, {"topK": 2}, {"topP": 0.9}, {"topP": 0.3}, {"topP": 0.01}, {"minP": 0.1}, {"minP": 0.9},
    {"repetitionPenalty": 1.3}, {"repetitionPenalty": 0.8},
    {"repetitionPenalty": 1.2, "temperature": 0.8, "topK": 20, "topP": 0.95, "minP": 0.05},
    {"temperature": 1.7, "topK": 30, "topP": 0.7},
]


def processed(row, o):
    ids = torch.tensor([seen])
    row = row.clone()
    steps = [
        ("repetitionPenalty", lambda v: RepetitionPenaltyLogitsProcessor(penalty=v)), ("temperature", TemperatureLogitsWarper),
        ("topK", lambda v: TopKLogitsWarper(top_k=v)), ("topP", lambda v: TopPLogitsWarper(top_p=v)), ("minP", lambda v: MinPLogitsWarper(min_p=v)),
    ]
    for name, make in steps:
        if name in o:
            row = make(o[name])(ids, row)
    return [None if x == float("-inf") else x for x in row[0].tolist()]


cases = [{"logits": i, "options": o, "expected": processed(row, o)} for i, row in enumerate(logits) for o in options if not (i == 3 and "topP" in o)]
out = {"seen": seen, "logits": [row[0].tolist() for row in logits], "cases": cases}
with open(os.path.join(here, "..", "fixtures", "oracle", "sampling.json"), "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
