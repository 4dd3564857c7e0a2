"""Loads an exported directory with transformers and compares it with the GGUF it came from.

Checks: AutoModelForCausalLM finds every tensor; weights equal the `gguf` package's dequantization (q and k
rows put back in order); AutoTokenizer gives the ids of tokenizer_ids.jsonl; the chat template renders.
Run: python3 tests/golden/export_check.py EXPORTED_DIR [MODEL.gguf]   (needs torch, transformers, gguf)
"""
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
print("tensors:", len(model.state_dict()), "parameters:", model.num_parameters())

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
lines = pathlib.Path(__file__).with_name("tokenizer_ids.jsonl").read_text().splitlines()
for row in map(json.loads, lines):
    text = row.get("text") or bytes.fromhex(row["hex"]).decode("utf-8", errors="replace")
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == row["ids"], row
print("tokenizer:", len(lines), "lines equal")
print("chat:", repr(tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False,
                                                  add_generation_prompt=True)))

if len(sys.argv) > 2:
    import gguf

    config, weights = model.config, model.state_dict()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    tensors = {t.name: t for t in gguf.GGUFReader(sys.argv[2]).tensors}
    for name, weight in weights.items():
        stem, suffix = name.rsplit(".", 1)
        stored = tensors.get(f"{names.get_name(stem)}.{suffix}")
        if stored is None:
            assert name == "lm_head.weight" and config.tie_word_embeddings, name
            continue
        ours = weight
        for kind, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if kind in name:  # as llama.cpp stores them
                ours = weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
        theirs = torch.from_numpy(gguf.quants.dequantize(stored.data, stored.tensor_type).reshape(ours.shape).copy())
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6), name
    print("weights: equal to the GGUF's")

with torch.inference_mode():
    ids = tokenizer("The capital of France is", return_tensors="pt")
    out = model.generate(**ids, max_new_tokens=8, do_sample=False)
    print("generates:", repr(tokenizer.decode(out[0])))
