#!/usr/bin/env python3
"""GGUF of the Llama architecture -> Hugging Face directory in fp32, for peers that read nothing else.

Usage: dequantize.py [GGUF] [DIR]. Without arguments: the default model into $CHARTER_CACHE/peers-model.
Prints DIR. Does nothing if DIR already holds this GGUF's weights (name, size and time are compared).

GGUF stores each head's q and k rows in the order (0, d/2, 1, d/2 + 1, ...) that llama.cpp's rotary
embedding pairs; Hugging Face pairs row i with row i + d/2. `unpermute` puts them back.
"""
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader, dequantize
from safetensors.numpy import save_file

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"

LAYER_NAMES = {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}
TOP_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


def cache_dir():
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "charter"
    return Path(os.environ.get("CHARTER_CACHE", default))


def default_gguf():
    named = os.environ.get("CHARTER_MODEL", "")
    return Path(named) if named.endswith(".gguf") else cache_dir() / "models" / MODEL


def hf_name(name):
    if name in TOP_NAMES:
        return TOP_NAMES[name]
    _, layer, rest = name.split(".", 2)
    return f"model.layers.{layer}.{LAYER_NAMES[rest]}"


def unpermute(weight, heads):
    """[heads * d, in] with interleaved rotary pairs -> halves."""
    rows, width = weight.shape
    halves = weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2)
    return halves.reshape(rows, width)


def read_weights(reader, heads, kv_heads):
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if tensor.name.endswith("attn_q.weight"):
            values = unpermute(values, heads)
        elif tensor.name.endswith("attn_k.weight"):
            values = unpermute(values, kv_heads)
        weights[hf_name(tensor.name)] = np.ascontiguousarray(values)
    return weights


def make_config(get, tied):
    width, heads = get("llama.embedding_length"), get("llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "hidden_size": width,
        "intermediate_size": get("llama.feed_forward_length"),
        "num_hidden_layers": get("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("llama.attention.head_count_kv"),
        "head_dim": width // heads,
        "hidden_act": "silu",
        "max_position_embeddings": get("llama.context_length"),
        # GGUF keeps a float32, 9.9999997e-06; the model's own config says 1e-05.
        "rms_norm_eps": float(f"{get('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": float(get("llama.rope.freq_base")),
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "vocab_size": len(get("tokenizer.ggml.tokens")),
        "bos_token_id": get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": get("tokenizer.ggml.padding_token_id"),
    }


def save_tokenizer(get, out):
    """tokenizer.json and tokenizer_config.json of a byte-level BPE, pre-tokenizer `smollm`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    if get("tokenizer.ggml.pre") != "smollm":
        raise SystemExit(f"dequantize: pre-tokenizer {get('tokenizer.ggml.pre')!r}, expected 'smollm'")
    tokens = get("tokenizer.ggml.tokens")
    merges = [tuple(line.split(" ")) for line in get("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, get("tokenizer.ggml.token_type")) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[get("tokenizer.ggml.bos_token_id")],
        "eos_token": tokens[get("tokenizer.ggml.eos_token_id")],
        "pad_token": tokens[get("tokenizer.ggml.padding_token_id")],
        "unk_token": tokens[get("tokenizer.ggml.unknown_token_id")],
        "model_max_length": get("llama.context_length"),
        "chat_template": get("tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def convert(gguf, out):
    """Writes the directory `out`, complete or not at all."""
    stat = gguf.stat()
    source = {"file": gguf.name, "bytes": stat.st_size, "mtime": int(stat.st_mtime), "format": 2}
    stamp = out / "source.json"
    if stamp.exists() and json.loads(stamp.read_text()) == source:
        return out
    reader = GGUFReader(gguf)

    def get(key):
        field = reader.get_field(key)
        if field is None:
            raise SystemExit(f"dequantize: {gguf}: no key {key}")
        return field.contents()

    if get("general.architecture") != "llama":
        raise SystemExit(f"dequantize: {gguf}: architecture {get('general.architecture')!r}, expected 'llama'")
    weights = read_weights(reader, get("llama.attention.head_count"),
                           get("llama.attention.head_count_kv"))
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    config = make_config(get, tied="lm_head.weight" not in weights)
    (partial / "config.json").write_text(json.dumps(config, indent=1))
    save_tokenizer(get, partial)
    (partial / "source.json").write_text(json.dumps(source))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return out


def main():
    gguf = Path(sys.argv[1]) if len(sys.argv) > 1 else default_gguf()
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else cache_dir() / "peers-model"
    if not gguf.is_file():
        raise SystemExit(f"dequantize: {gguf}: no such GGUF file")
    print(convert(gguf, out))


if __name__ == "__main__":
    main()
