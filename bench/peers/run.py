#!/usr/bin/env python3
"""Runs one bench, all its cases against all their peers, and prints JSON lines, one a case and peer.

    run.py BENCH --bin build/release/bin --model GGUF [--directory DIR] [--python PEERS_PYTHON] [--case CASE ...] [ARG ...]

Without --python ours is measured alone. DIR is the same model as a Hugging Face directory, for startup. Every further
ARG goes to alternate.py: --n 1, or sizes such as --batch 2 for a smoke test."""
import argparse
import subprocess
import sys
from pathlib import Path

import workload

HERE = Path(__file__).resolve().parent
PROGRAMS = {"rollout": "charter_rollout_bench", "labels": "charter_rollout_bench", "pm_train": "charter_train_bench",
            "sft": "charter_train_bench", "ppo": "charter_train_bench"}


def ours(args, case):
    if args.bench == "startup":
        model = args.directory if case == "directory" else args.model
        return f"{sys.executable} {HERE / 'startup.py'} charter --model {model} --charter {args.bin}/charter"
    program = f"{args.bin}/{PROGRAMS[args.bench]} --model {args.model} --work {args.bench} --serve"
    precision = " --precision int8" if case.startswith("int8") else ""
    isa = f" --isa {args.isa}" if args.isa else ""
    # The cases of other batch sizes and precisions are the plain one to our program.
    known = "plain" if case.startswith(("int8", "batch")) else case
    return f"{program} --case {known}{precision}{isa}"


def alternate(args, case, rest):
    python = args.python or sys.executable
    words = [python, str(HERE / "alternate.py"), "--bench", args.bench, "--case", case, "--ours", ours(args, case),
             "--ours-on", ours(args, "CASE") if args.bench != "startup" else ""]
    if args.bench != "startup":
        words += ["--limits", f"{args.bin}/charter_limits_bench --serve"]
    for peer in workload.PEERS[args.bench][case]:
        if args.python or peer.startswith("charter"):
            words += ["--peer", peer]
    if args.bench == "startup":
        words += ["--peer-model", args.directory if case == "directory" else args.model]
    return words + rest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", choices=workload.PEERS)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--directory")
    parser.add_argument("--python")
    parser.add_argument("--isa", help="our kernels: avx2 measures what a CPU without AVX-512 runs, up to its clock")
    parser.add_argument("--case", action="append", help="only these")
    args, rest = parser.parse_known_args()
    cases = args.case or list(workload.PEERS[args.bench])
    if unknown := [case for case in cases if case not in workload.PEERS[args.bench]]:
        parser.error(f"--case {unknown[0]}, expected one of {', '.join(workload.PEERS[args.bench])}")
    failed = [case for case in cases if subprocess.run(alternate(args, case, rest)).returncode != 0]
    if failed:
        raise SystemExit(f"{args.bench}: not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
