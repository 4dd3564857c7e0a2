#!/usr/bin/env python3
"""Writes the inputs a fuzz target starts from: seeds.py gguf|safetensors|tokenizer_json|jinja DIRECTORY.

Each is small and sound, and has what the reader branches on: a whole model, every value type of GGUF's metadata and
every tensor type, tokenizers of a dozen tokens with merges and with scores, the dtypes of safetensors, each component of
tokenizer.json, each construct of the template language.
"""
import json
import math
import struct
import sys
from pathlib import Path

BYTES = {0: 4, 1: 2, 30: 2, 8: 34, 2: 18, 3: 20, 12: 144, 13: 176, 14: 210}  # of one block, by GGUF tensor type
VALUES = {0: 1, 1: 1, 30: 1, 8: 32, 2: 32, 3: 32, 12: 256, 13: 256, 14: 256}  # in one block
TOKENS = ["<|im_start|>", "<|im_end|>", "A", "l", "i", "n", "e", "\u0120", "\u00c3", "\u00a9", ".", "li", "ne"]
MERGES = ["l i", "n e"]
PIECES = ["<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "<0x2E>", "\u2581", "A", "l", "i", "n", "e", "li", "ne", "\u2581A", "line"]
PIECE_MERGES = ["l i", "n e", "\u2581 A", "li ne"]


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, kind, payload):
    return text(key) + struct.pack("<I", kind) + payload


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def merges_vocabulary():
    return [
        entry("tokenizer.ggml.model", 8, text("gpt2")),
        entry("tokenizer.ggml.pre", 8, text("smollm")),
        entry("tokenizer.ggml.tokens", 9, array(8, [text(t) for t in TOKENS])),
        entry("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", 3 if i < 2 else 1) for i in range(len(TOKENS))])),
        entry("tokenizer.ggml.merges", 9, array(8, [text(m) for m in MERGES])),
        entry("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 0)),
        entry("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 1)),
        entry("tokenizer.ggml.add_bos_token", 7, b"\x00"),
    ]


def scores_vocabulary():
    kinds = [2, 3, 3, 6, 6, 6] + [1] * (len(PIECES) - 7) + [4]
    return [
        entry("tokenizer.ggml.model", 8, text("llama")),
        entry("tokenizer.ggml.tokens", 9, array(8, [text(t) for t in PIECES])),
        entry("tokenizer.ggml.scores", 9, array(6, [struct.pack("<f", -i) for i in range(len(PIECES))])),
        entry("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", kind) for kind in kinds])),
        entry("tokenizer.ggml.unknown_token_id", 4, struct.pack("<I", 0)),
        entry("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 1)),
        entry("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 2)),
        entry("tokenizer.ggml.add_space_prefix", 7, b"\x01"),
    ]


def gguf():
    whole = [("token_embd.weight", (32, len(TOKENS)), 8), ("output_norm.weight", (32,), 0),
             ("blk.0.attn_norm.weight", (32,), 0), ("blk.0.ffn_norm.weight", (32,), 0),
             ("blk.0.attn_q.weight", (32, 32), 2), ("blk.0.attn_k.weight", (32, 16), 3),
             ("blk.0.attn_v.weight", (32, 16), 1), ("blk.0.attn_output.weight", (32, 32), 30),
             ("blk.0.ffn_gate.weight", (32, 64), 2), ("blk.0.ffn_up.weight", (32, 64), 3),
             ("blk.0.ffn_down.weight", (64, 32), 8)]
    names = ["token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.0.attn_k.weight",
             "blk.0.attn_v.weight", "blk.0.attn_output.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight",
             "blk.0.ffn_down.weight"]
    all_types = [(name, (256, 1), kind) for name, kind in zip(names, BYTES)]
    return {"all_types.gguf": model(merges_vocabulary(), all_types), "scores.gguf": model(scores_vocabulary(), all_types),
            "whole.gguf": model(merges_vocabulary(), whole, hidden=32, intermediate=64)}


def model(vocabulary, weights, hidden=256, intermediate=256):
    metadata = [
        entry("general.architecture", 8, text("llama")),
        entry("general.alignment", 4, struct.pack("<I", 32)),
        entry("llama.block_count", 4, struct.pack("<I", 1)),
        entry("llama.context_length", 4, struct.pack("<I", 64)),
        entry("llama.embedding_length", 4, struct.pack("<I", hidden)),
        entry("llama.feed_forward_length", 4, struct.pack("<I", intermediate)),
        entry("llama.attention.head_count", 4, struct.pack("<I", 2)),
        entry("llama.attention.head_count_kv", 4, struct.pack("<I", 1)),
        entry("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
        entry("llama.rope.freq_base", 6, struct.pack("<f", 10000.0)),
    ] + vocabulary
    numbers = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 10: "<Q", 11: "<q", 12: "<d"}
    for kind, layout in numbers.items():
        metadata.append(entry(f"seed.{kind}", kind, struct.pack(layout, 1)))
        metadata.append(entry(f"seed.array.{kind}", 9, array(kind, [struct.pack(layout, 1)] * 2)))
    tensors, data = [], b""
    for name, shape, kind in weights:
        data += b"\0" * (-len(data) % 32)
        tensors.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data)))
        values = math.prod(shape)
        data += (bytes(range(256)) * 2)[: BYTES[kind]] * (values // VALUES[kind])
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + data


def safetensors():
    sizes = {"F32": 4, "F16": 2, "BF16": 2}
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for dtype, size in sizes.items():
        header[f"weight.{dtype}"] = {"dtype": dtype, "shape": [2, 3], "data_offsets": [at, at + 6 * size]}
        at += 6 * size
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    return {"all_types.safetensors": struct.pack("<Q", len(packed)) + packed + bytes(at)}


def tokenizer_json():
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, t in enumerate(TOKENS[:2])]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    split = {"type": "Split", "pattern": {"Regex": r"\d"}, "behavior": "Isolated", "invert": False}
    files = {}
    for name, pre in {"level": byte_level, "digits": {"type": "Digits", "individual_digits": True},
                      "sequence": {"type": "Sequence", "pretokenizers": [split, byte_level | {"use_regex": False}]}}.items():
        files[f"{name}.json"] = json.dumps({
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "NFC"} if name == "sequence" else None, "pre_tokenizer": pre,
            "post_processor": byte_level, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False, "byte_fallback": False,
                      "ignore_merges": False, "vocab": {t: i for i, t in enumerate(TOKENS)}, "merges": MERGES}}).encode()
    return files | metaspace_json()


def metaspace_json():
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, spaces]}
    decoders = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    forms = {"prepend": (prepend, None), "replace": (spaces, None)}
    for scheme in ["first", "always", "never"]:
        forms[scheme] = None, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": False}
    files = {}
    for i, (name, (normalizer, pre)) in enumerate(forms.items()):
        added = [{"id": j, "content": PIECES[j], "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": name == "always", "special": True} for j in range(3)]
        files[f"metaspace_{name}.json"] = json.dumps({
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": {"type": "TemplateProcessing", "single": template, "pair": template,
                                                     "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
            "decoder": {"type": "Sequence", "decoders": decoders[: 4 - i % 2]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "fuse_unk": i % 2 == 0, "byte_fallback": i < 4,
                      "ignore_merges": i == 2, "vocab": {t: j for j, t in enumerate(PIECES)},
                      "merges": PIECE_MERGES}}).encode()
    return files


def jinja():
    golden = Path(__file__).parents[1] / "golden/jinja_constructs.json"
    cases = json.loads(golden.read_text())["cases"]
    return {f"{i}.jinja": case["template"].encode() for i, case in enumerate(cases)}


def main():
    kinds = {"gguf": gguf, "safetensors": safetensors, "tokenizer_json": tokenizer_json, "jinja": jinja}
    if len(sys.argv) != 3 or sys.argv[1] not in kinds:
        raise SystemExit(__doc__)
    for name, data in kinds[sys.argv[1]]().items():
        (Path(sys.argv[2]) / name).write_bytes(data)


if __name__ == "__main__":
    main()
