#!/usr/bin/env python3
"""One bench by one peer. Prints JSON lines on stdout and nothing else there.

    peer.py BENCH --peer PEER [--case CASE] [--model DIR] [--gguf FILE --format F32] [--threads 2] [--repeat N]
    peer.py BENCH --peer PEER ... --serve

BENCH, CASE and the work behind them: the table in workload.py. PEER: transformers, llama.cpp, trl, peft, torch.
Without --serve: --warmup runs that do not count, --repeat runs that do, one line
  {"bench", "case", "value", "unit", "peer", "n", "spread", "values", "threads", "peak_mb", "versions"}
value: the median; spread: (largest - smallest) / median.

--serve speaks the line protocol of bench/serve.hpp: after loading {"ready": true}; for each line {"run": K} on stdin
one measured run and {"value": rate, "seconds": s, "peak_mb": m, ...}, for {"check": true} {"numbers": [...]}. Loading
and the warm-up are outside every value, and the check resets the peak of memory.
"""
import argparse
import importlib.metadata
import json
import os
import statistics
import sys
from pathlib import Path

import workload

PEERS = {"rollout": ["transformers", "llama.cpp"], "labels": ["transformers", "llama.cpp"],
         "pm_train": ["trl", "torch"], "sft": ["transformers", "peft"], "ppo": ["torch"]}
PACKAGES = {"llama.cpp": ["llama-cpp-python"], "trl": ["trl", "transformers", "torch"],
            "peft": ["peft", "transformers", "torch"]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", choices=PEERS)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--case")
    parser.add_argument("--model", help="Hugging Face directory; default: what dequantize.py made")
    parser.add_argument("--gguf", help="for llama.cpp; default: the default model")
    parser.add_argument("--format", default="f32", choices=["f32", "f16", "q8_0", "q4_1"], type=str.lower)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--serve", action="store_true")
    for size in ("batch", "prompt", "new", "prefix", "tail", "length"):
        parser.add_argument(f"--{size}", type=int)
    args = parser.parse_args()
    cases = list(workload.PEERS[args.bench])
    args.case = args.case or ("lora" if args.peer == "peft" else cases[0])
    if args.case not in cases:
        parser.error(f"--case {args.case}, expected one of {', '.join(cases)}")
    if args.peer not in PEERS[args.bench]:
        parser.error(f"--peer {args.peer}, expected one of {', '.join(PEERS[args.bench])}")
    if args.bench == "sft" and (args.peer == "peft") != args.case.startswith("lora"):
        parser.error("sft: peft does the lora cases, transformers the full ones")
    given = {k: getattr(args, k) for k in workload.SIZES[args.bench] if getattr(args, k) is not None}
    args.sizes = workload.sizes_of(args.bench, args.case, given)
    return args


def load_peer(args):
    if args.peer == "llama.cpp":
        import llama_peers as module
    else:
        import dequantize
        args.model = args.model or str(dequantize.cache_dir() / "peers-model")
        if not (Path(args.model) / "config.json").is_file():
            raise SystemExit(f"peer: {args.model}: no model directory; run bench/peers/dequantize.py")
        import torch
        torch.set_num_threads(args.threads)
        import torch_peers as module
    return getattr(module, args.bench)(args)


def versions(peer):
    names = PACKAGES.get(peer, ["transformers", "torch"])
    return {name: importlib.metadata.version(name) for name in names}


def peak_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def serve(run, check, out):
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        if not line.strip():
            continue
        asked = json.loads(line)
        if "check" in asked:
            answer = {"numbers": check()}
            Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size, proc(5)
        else:
            amount, seconds, found = run(int(asked.get("run", 1)))
            parts = {key: value for key, value in found.items() if isinstance(value, float)}
            answer = parts | {"value": amount / seconds, "seconds": seconds, "peak_mb": peak_mb()}
        print(json.dumps(answer), file=out, flush=True)


def main():
    args = parse()
    # Libraries print as they please; stdout is for JSON lines alone.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update(OMP_NUM_THREADS=str(args.threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
                      CUDA_VISIBLE_DEVICES="")
    run, check = load_peer(args)
    for _ in range(args.warmup):
        run(0)
    if args.serve:
        return serve(run, check, out)
    values = []
    for k in range(args.repeat):
        amount, seconds, _ = run(k + 1)
        values.append(amount / seconds)
    median = statistics.median(values)
    name = f"{args.peer} {args.format}" if args.peer == "llama.cpp" else args.peer
    print(json.dumps({
        "bench": args.bench, "case": args.case, "value": round(median, 4), "unit": workload.UNITS[args.bench],
        "peer": name, "n": len(values), "spread": round((max(values) - min(values)) / median, 4),
        "values": [round(v, 4) for v in values], "threads": args.threads, "sizes": args.sizes,
        "peak_mb": round(peak_mb()),
        "versions": versions(args.peer)}), file=out, flush=True)


if __name__ == "__main__":
    main()
