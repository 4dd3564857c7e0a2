"""Writes tests/golden/gguf_blocks.json: random blocks of each GGUF type and their float32 values by the
`gguf` package. Run: python3 tests/golden/gguf_blocks.py   (needs gguf, numpy)
"""
import json
import pathlib

import gguf
import numpy as np

rng = np.random.default_rng(20240607)
out = {}
for name in ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K",
             "Q5_0", "Q5_1", "Q2_K", "Q3_K", "IQ4_NL", "IQ4_XS"]:
    kind = gguf.GGMLQuantizationType[name]
    values, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = 3 if values > 1 else 16
    raw = rng.integers(0, 256, (blocks, width), dtype=np.uint8)
    if values == 1:  # whole random floats would hold NaN
        numbers = rng.normal(size=blocks).astype(np.float32)
        raw = gguf.quants.quantize(numbers, kind).view(np.uint8).reshape(blocks, width)
    else:  # the half-precision scales likewise
        for at in {"Q4_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q5_1": [0, 2],
                   "Q2_K": [80, 82], "Q3_K": [108]}.get(name, [0]):
            raw[:, at:at + 2] = rng.normal(size=(blocks, 1)).astype(np.float16).view(np.uint8)
    flat = raw.reshape(-1)
    floats = gguf.quants.dequantize(flat if values > 1 else flat.view(
        {4: np.float32, 2: np.float16 if name == "F16" else np.uint8}[width]), kind)
    out[name] = {"bytes": flat.tobytes().hex(), "values": [float(v) for v in floats.reshape(-1)]}
path = pathlib.Path(__file__).with_name("gguf_blocks.json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
