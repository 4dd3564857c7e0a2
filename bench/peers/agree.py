#!/usr/bin/env python3
"""Holds tests/golden/logits_smollm2.json, which transformers made, against llama.cpp on the same GGUF.

Usage: agree.py. Prints one line a format; exits with 1 if exact F32 differs by more than 1e-3. F32 with llama.cpp's
defaults, Q8_0 and Q4_1 are printed for what they cost in accuracy and gate nothing.
"""
import json
import sys
from pathlib import Path

import dequantize
import llama_peers
import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "logits_smollm2.json"
LIMIT = 1e-3


def compare(session, case):
    """Largest difference of a logit, of a continuation's log-prob, and whether the ten best are the same."""
    session.clear()
    prompt, continuation = case["prompt_ids"], case["continuation_ids"]
    last = len(prompt) - 1
    session.decode([(token, p, 0, p >= last) for p, token in enumerate(prompt + continuation)])
    rows = [session.logits(last + i).astype(np.float64) for i in range(len(continuation))]
    logprobs = [row[t] - np.logaddexp.reduce(row) for row, t in zip(rows, continuation)]
    logits = np.abs(rows[0][case["vocab_ids"]] - case["logits"]).max()
    top_same = np.argsort(-rows[0])[:10].tolist() == case["top_ids"]
    return logits, np.abs(np.subtract(logprobs, case["continuation_logprobs"])).max(), top_same


def main():
    cases = json.loads(GOLDEN.read_text())["cases"]
    failed = False
    for number_format, exact in (("f32", True), ("f32", False), ("q8_0", False), ("q4_1", False)):
        gguf = llama_peers.gguf_in_format(dequantize.default_gguf(), number_format)
        session = llama_peers.Session(gguf, 2, 1, 512, True, exact)
        found = [compare(session, case) for case in cases]
        logits, logprobs = (max(row[i] for row in found) for i in (0, 1))
        same = all(row[2] for row in found)
        print(f"{number_format}{' exact' if exact else ''}: logits within {logits:.1e}, log-probs within "
              f"{logprobs:.1e}, ten best {'the same' if same else 'differ'}")
        failed |= exact and not (logits < LIMIT and logprobs < LIMIT and same)
    sys.exit(failed)


if __name__ == "__main__":
    main()
