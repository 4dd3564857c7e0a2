#!/usr/bin/env python3
"""Writes tests/golden/tiny_variants.json: what transformers computes when the config.json of a tiny model says something else.

Usage: PEERS/bin/python tests/golden/tiny_variants.py   (PEERS: made by bench/peers/setup.sh)
Each variant is one of the models of tests/golden/tiny with keys set or, where null, removed:
  base, set, remove   the model and the change
  last                logits [vocab] of the last of input_ids, fp32, eager attention
"""
import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers

TINY = Path(__file__).with_name("tiny")
INPUT_IDS = [1, 17, 93, 4, 127, 56, 56, 8, 101, 33, 74, 2]
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0)
LINEAR = dict(rope_type="linear", factor=2.5)
VARIANTS = {
    "theta_within_scaling": ("llama2", dict(rope_scaling=dict(rope_type="default", rope_theta=2000.0)), ["rope_parameters"]),
    "theta_beside_and_within": ("llama2", dict(rope_theta=300.0, rope_scaling=dict(type="linear", factor=2.0, rope_theta=2000.0)), ["rope_parameters"]),
    "theta_beside": ("llama2", dict(rope_theta=2000.0, rope_scaling=LINEAR), ["rope_parameters"]),
    "scaling_over_parameters": ("llama2", dict(rope_scaling=LINEAR, rope_parameters=dict(rope_type="default", rope_theta=2000.0)), []),
    "scaling_with_theta_over_parameters": ("llama2", dict(rope_scaling=dict(rope_type="default", rope_theta=500.0)), []),
    "empty_scaling": ("llama2", dict(rope_scaling={}, rope_parameters=dict(rope_type="linear", factor=3.0, rope_theta=2000.0)), []),
    "rope_type_over_type": ("llama2", dict(rope_scaling=dict(rope_type="default", type="linear", factor=4.0)), []),
    "llama3_without_length": ("llama2", dict(rope_scaling=LLAMA3, rope_theta=100.0), ["rope_parameters"]),
    "llama3_length_beside": ("llama2", dict(rope_scaling=dict(LLAMA3, original_max_position_embeddings=64), original_max_position_embeddings=16,
                                            rope_theta=100.0), ["rope_parameters"]),
    "no_rope": ("llama2", {}, ["rope_parameters"]),
    "tied_with_another_head": ("llama2", dict(tie_word_embeddings=True), []),
    "pad_of_minus_one": ("llama2", dict(pad_token_id=-1), []),
    "no_length": ("llama2", {}, ["max_position_embeddings"]),
    "no_eps": ("llama2", {}, ["rms_norm_eps"]),
    "no_kv_heads": ("llama2", {}, ["num_key_value_heads"]),
    "swish": ("llama2", dict(hidden_act="swish"), []),
    "window_as_long": ("mistral", dict(sliding_window=12), []),
    "qwen2_window_of_no_layer": ("qwen2", dict(use_sliding_window=True, sliding_window=4, max_window_layers=2, layer_types=None), []),
    "qwen2_window_not_used": ("qwen2", dict(use_sliding_window=False, sliding_window=4, max_window_layers=0, layer_types=None), []),
    "qwen3_layers_are_full": ("qwen3", dict(use_sliding_window=True, sliding_window=4, max_window_layers=0,
                                            layer_types=["full_attention", "full_attention"]), []),
}


def last_logits(base, changes, removed):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(TINY / base / "model.safetensors", folder)
        config = json.loads((TINY / base / "config.json").read_text())
        config = {key: value for key, value in (config | changes).items() if key not in removed}
        (Path(folder) / "config.json").write_text(json.dumps(config))
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            return model(torch.tensor([INPUT_IDS])).logits[0, -1]


def main():
    torch.set_num_threads(1)
    rows = {}
    for name, (base, changes, removed) in VARIANTS.items():
        last = last_logits(base, changes, removed)
        difference = (last - last_logits(base, {}, [])).abs().max().item()
        print(f"{name}: {difference:.3g} from its base")
        rows[name] = {"base": base, "set": changes, "remove": removed, "last": [float(f"{v:.7g}") for v in last]}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row, separators=(',', ':'))}" for name, row in rows.items())
    made_with = f"torch {torch.__version__}, transformers {transformers.__version__}"
    Path(__file__).with_name("tiny_variants.json").write_text(
        f'{{\n "made_with": {json.dumps(made_with)},\n "input_ids": {INPUT_IDS},\n "variants": {{\n{lines}\n }}\n}}\n')


main()
