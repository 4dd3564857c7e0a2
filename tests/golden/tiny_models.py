#!/usr/bin/env python3
"""Tiny random-weight models of each family with their logits, and one training run, from transformers.

Usage: PEERS/bin/python tests/golden/tiny_models.py [DIR]   (PEERS: made by bench/peers/setup.sh;
DIR: where to write, default tests/golden/tiny). For each family it writes
  FAMILY/config.json, model.safetensors   as transformers saves them, F32, below 100 KB
  FAMILY/logits.json      input_ids [12]; logits [12][vocab], fp32, eager attention
for those of GGUF_ARCHITECTURES
  FAMILY/model.gguf       the same weights as llama.cpp stores them, F32, with a vocabulary of nothing but names;
                          the script reads it back with transformers' own reader of GGUF and expects the same logits
and for Llama
  llama/train.json        loss: mean cross-entropy of tokens 4 .. 11 given those before them (8 targets);
                          gradients: per parameter its L2 norm and its first four values (row-major);
                          losses: the loss before each of 5 AdamW steps and after the last (6 values).

All weights are drawn, norms and biases too: a bias of 0 or a norm of 1 would hide a missing one.
"""
import json
import sys
from pathlib import Path

import gguf
import torch
import transformers

SIZES = dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, vocab_size=128, max_position_embeddings=128,
             bos_token_id=1, eos_token_id=2, pad_token_id=0)
# Of those that are stored twice. llama2: no groups of heads, as Llama 2 had none.
SMALL = SIZES | dict(hidden_size=16, intermediate_size=24, num_attention_heads=2, num_key_value_heads=1)
# theta and the original length put the four frequencies of a head of 8 into all three bands of the rule:
# wavelengths 6 (kept), 20 (interpolated), 63 and 199 (divided).
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0,
                   high_freq_factor=4.0, original_max_position_embeddings=32)


def plain_rope(theta):
    return dict(rope_type="default", rope_theta=theta)


FAMILIES = {
    "llama": transformers.LlamaConfig(**SIZES, rms_norm_eps=1e-5, rope_parameters=LLAMA3_ROPE,
                                      tie_word_embeddings=False),
    "mistral": transformers.MistralConfig(**SIZES, rms_norm_eps=1e-5, sliding_window=None,
                                          rope_parameters=plain_rope(10000.0), tie_word_embeddings=False),
    "qwen2": transformers.Qwen2Config(**SMALL, rms_norm_eps=1e-6, rope_parameters=plain_rope(50000.0),
                                      tie_word_embeddings=True),
    "qwen3": transformers.Qwen3Config(**SMALL, head_dim=16, rms_norm_eps=1e-6,
                                      rope_parameters=plain_rope(50000.0), tie_word_embeddings=True),
    "llama2": transformers.LlamaConfig(**SMALL | dict(num_key_value_heads=2), rms_norm_eps=1e-5,
                                       rope_parameters=plain_rope(10000.0), tie_word_embeddings=False),
    "llama_linear": transformers.LlamaConfig(**SMALL, rms_norm_eps=1e-5, tie_word_embeddings=False,
                                             rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5)),
}
GGUF_ARCHITECTURES = {"qwen2": "qwen2", "qwen3": "qwen3", "llama2": "llama", "llama_linear": "llama"}
GGUF_NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
              "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
INPUT_IDS = [1, 17, 93, 4, 127, 56, 56, 8, 101, 33, 74, 2]
FIRST_TARGET = 4
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
STEPS = 5


def numbers(values):
    return [float(f"{v:.8g}") for v in values]


def make_model(config, seed):
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.2 * noise)
    return model


def loss_of(model):
    ids = torch.tensor([INPUT_IDS])
    logits = model(ids).logits[0, FIRST_TARGET - 1:-1]
    return torch.nn.functional.cross_entropy(logits, ids[0, FIRST_TARGET:])


def train_golden(model):
    """Trains `model` in place."""
    loss = loss_of(model)
    loss.backward()
    gradients = {
        name: {"shape": list(p.shape), "norm": numbers([p.grad.double().norm()])[0],
               "first": numbers(p.grad.flatten()[:4])}
        for name, p in model.named_parameters()
    }
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        step_loss = loss_of(model)
        losses.append(step_loss.item())
        step_loss.backward()
        optimizer.step()
    losses.append(loss_of(model).item())
    return {
        "input_ids": INPUT_IDS,
        "first_target": FIRST_TARGET,
        "loss": numbers([loss.item()])[0],
        "gradients": gradients,
        "adamw": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
        "losses": numbers(losses),
    }


def gguf_name(name):
    top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    module, kind = name.rsplit(".", 1)
    if module in top:
        return f"{top[module]}.{kind}"
    layer, module = module.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{GGUF_NAMES[module]}.{kind}"


def paired_rows(weight, heads):
    """Rows i and i + head_dim/2 of each head side by side: the order of architecture llama, whose RoPE pairs neighbours."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape)


def write_gguf(path, config, model, arch):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if config.rope_parameters["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_parameters["factor"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    letters = [chr(0x100 + i) for i in range(3, config.vocab_size - 1)]
    writer.add_token_list(["<pad>", "<s>", "</s>"] + letters + [letters[0] + letters[1]])
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (config.vocab_size - 3))
    writer.add_token_merges([f"{letters[0]} {letters[1]}"])
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.pad_token_id)
    for name, weight in model.named_parameters():
        weight = weight.detach()
        if arch == "llama" and "q_proj" in name:
            weight = paired_rows(weight, config.num_attention_heads)
        elif arch == "llama" and "k_proj" in name:
            weight = paired_rows(weight, config.num_key_value_heads)
        writer.add_tensor(gguf_name(name), weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_gguf(path, config, expected):
    """The weights by transformers' own reader of GGUF. (Of the metadata it takes too little: neither head size nor scaling.)"""
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, config=config, dtype=torch.float32,
                                                              attn_implementation="eager").eval()
    with torch.no_grad():
        difference = (model(torch.tensor([INPUT_IDS])).logits[0] - expected).abs().max().item()
    print(path.parent.name, path.stat().st_size, "bytes of GGUF; read by transformers:", difference)
    assert difference < 1e-5


def write_json(path, value):
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items())
    path.write_text("{\n" + lines + "\n}\n")


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("tiny")
    made_with = f"torch {torch.__version__}, transformers {transformers.__version__}"
    torch.set_num_threads(1)
    for seed, (family, config) in enumerate(FAMILIES.items(), start=1):
        model = make_model(config, seed)
        model.save_pretrained(out / family)
        (out / family / "generation_config.json").unlink(missing_ok=True)
        (out / family / "model.safetensors").chmod(0o644)
        with torch.no_grad():
            logits = model(torch.tensor([INPUT_IDS])).logits[0]
        write_json(out / family / "logits.json", {
            "made_with": made_with, "input_ids": INPUT_IDS, "logits": [numbers(row) for row in logits]})
        if family in GGUF_ARCHITECTURES:
            path = out / family / "model.gguf"
            write_gguf(path, config, model, GGUF_ARCHITECTURES[family])
            check_gguf(path, config, logits)
        if family == "llama":
            write_json(out / family / "train.json", {"made_with": made_with} | train_golden(model))
        print(family, (out / family / "model.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
