#!/usr/bin/env python3
"""Process start to the first token, for alternate.py: each run starts one process on a 16-word prompt and stops the
clock at its first line on stdout. The model's file is in the page cache.

    startup.py charter --model M [--charter build/release/bin/charter]   `charter generate`, as a user would
    startup.py transformers --model DIR
    startup.py llama.cpp --model GGUF
    startup.py first-token transformers|llama.cpp --model M              the process that is timed

Speaks the protocol of bench/serve.hpp; value is in seconds. The check is the first token's log-probability."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PROMPT = "The old lighthouse keeper climbed the narrow stairs every evening and lit the lamp, because the"


def first_token_transformers(model_path):
    import torch
    import transformers
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32).eval()
    ids = tokenizer(PROMPT, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.inference_mode():
        logprobs = model(ids, logits_to_keep=1).logits[0, -1].log_softmax(-1)
    best = int(logprobs.argmax())
    return tokenizer.decode([best]), float(logprobs[best])


def first_token_llama(model_path):
    import ctypes

    import llama_cpp as lc
    import llama_peers
    import numpy as np
    session = llama_peers.Session(model_path, int(os.environ["OMP_NUM_THREADS"]), 1, 512, False)
    vocab, text = lc.llama_model_get_vocab(session.model), PROMPT.encode()
    room = (lc.llama_token * 256)()
    count = lc.llama_tokenize(vocab, text, len(text), room, 256, False, False)
    session.decode([(room[i], i, 0, i == count - 1) for i in range(count)])
    logits = session.logits(count - 1).astype(np.float64)
    best = int(logits.argmax())
    piece = ctypes.create_string_buffer(64)
    size = lc.llama_token_to_piece(vocab, best, piece, 64, 0, False)
    return piece.raw[:size].decode(), float(logits[best] - np.logaddexp.reduce(logits))


def print_first_token(peer, model_path):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    text, logprob = (first_token_llama if peer == "llama.cpp" else first_token_transformers)(model_path)
    print(json.dumps({"text": text, "logprobs": [logprob]}), file=out, flush=True)


def command(args, prompts):
    if args.who == "charter":
        return [args.charter, "generate", "--model", args.model, "--in", prompts, "--max-new-tokens", "1",
                "--temperature", "0"]
    return [sys.executable, __file__, "first-token", args.who, "--model", args.model]


def start(words):
    """Seconds to the first line, and the line."""
    begin = time.perf_counter()
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        seconds = time.perf_counter() - begin
    if process.returncode != 0 or not line:
        raise SystemExit(f"startup: {words[0]}: ended with code {process.returncode}")
    return seconds, json.loads(line)


def serve(words):
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        seconds, answer = start(words)
        if "check" in json.loads(line):
            print(json.dumps({"numbers": answer["logprobs"]}), flush=True)
        else:
            print(json.dumps({"value": seconds, "seconds": seconds}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("who", choices=["charter", "transformers", "llama.cpp", "first-token"])
    parser.add_argument("peer", nargs="?", choices=["transformers", "llama.cpp"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--charter", default="build/release/bin/charter")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
    if args.who == "first-token":
        return print_first_token(args.peer, args.model)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as prompts:
        prompts.write(json.dumps({"prompt": PROMPT}) + "\n")
        prompts.flush()
        serve(command(args, prompts.name))


if __name__ == "__main__":
    main()
