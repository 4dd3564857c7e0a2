#!/usr/bin/env python3
"""Golden logits of the default model: transformers, fp32, CPU, on the weights dequantised from its GGUF.

Usage: PEERS/bin/python tests/golden/logits.py [DIR]     (PEERS: made by bench/peers/setup.sh;
DIR: made by bench/peers/dequantize.py). Writes logits_smollm2.json beside this script.

For each prompt (token ids are in the file, no tokenizer is needed to use it):
  vocab_ids, logits     the last position's logits at 64 fixed ids
  top_ids, top_logits   its ten largest, descending
  logsumexp             over the whole vocabulary
  continuation_logprobs log p(continuation[t] | prompt, continuation[:t]), natural log, 20 values
"""
import json
import os
import sys
from pathlib import Path

import torch
import transformers

CASES = [
    ("plain", "The ocean covers more than seventy percent of the surface of our planet, and",
     " it holds most of the water that living things depend on, from the smallest algae to the largest whales."),
    ("chat", "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
     "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
     "The capital of France is Paris, a large city on the river Seine that is known for its museums and bridges."),
    ("mixed", "def mean(values):\n    \"\"\"Average of 1,234 numbers; naïve façade 漢字 🙂.\"\"\"\n    total = 0.0\n"
     "    for value in values:\n        total += value\n    return total / len(values)\n\n\n"
     "Human: Why does the function above fail on an empty list, and how would you change it so that the caller "
     "gets a clear message instead of a division by zero?\n\nAssistant:",
     " It divides by the length of the list, which is zero when the list is empty. Check for that first."),
]
VOCAB_IDS = [(768 * i + 5) % 49152 for i in range(64)]


def default_dir():
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "charter"
    return Path(os.environ.get("CHARTER_CACHE", default)) / "peers-model"


def golden_case(model, tokenizer, name, prompt, continuation):
    prompt_ids = tokenizer(prompt, add_special_tokens=False).input_ids
    continuation_ids = tokenizer(continuation, add_special_tokens=False).input_ids[:20]
    assert len(continuation_ids) == 20, (name, len(continuation_ids))
    with torch.no_grad():
        logits = model(torch.tensor([prompt_ids + continuation_ids])).logits[0].double()
    last = logits[len(prompt_ids) - 1]
    top = last.topk(10)
    logprobs = logits[len(prompt_ids) - 1:-1].log_softmax(-1)
    chosen = logprobs.gather(1, torch.tensor(continuation_ids)[:, None])[:, 0]

    def rounded(values):
        return [round(float(v), 6) for v in values]

    return {
        "name": name,
        "prompt_ids": prompt_ids,
        "vocab_ids": VOCAB_IDS,
        "logits": rounded(last[VOCAB_IDS]),
        "top_ids": top.indices.tolist(),
        "top_logits": rounded(top.values),
        "logsumexp": round(float(last.logsumexp(0)), 6),
        "continuation_ids": continuation_ids,
        "continuation_logprobs": rounded(chosen),
    }


def main():
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else default_dir()
    if not (directory / "config.json").is_file():
        raise SystemExit(f"logits: {directory}: not a model directory; run bench/peers/dequantize.py")
    torch.set_num_threads(2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager").eval()
    out = {
        "source": json.loads((directory / "source.json").read_text())["file"],
        "made_with": f"torch {torch.__version__}, transformers {transformers.__version__}, fp32, eager attention",
        "cases": [golden_case(model, tokenizer, *case) for case in CASES],
    }
    path = Path(__file__).with_name("logits_smollm2.json")
    lines = ",\n".join("  " + json.dumps(case) for case in out.pop("cases"))
    path.write_text(json.dumps(out)[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    print(path)


if __name__ == "__main__":
    main()
