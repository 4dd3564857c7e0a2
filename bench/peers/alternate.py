#!/usr/bin/env python3
"""Measures ours and a peer by turns in one run, so that both see the same machine: ours, peer, ours, peer ...

    alternate.py --bench rollout --peer transformers --ours "build/release/bin/charter_rollout_bench --serve" --n 5
    alternate.py --bench labels --case reused --peer transformers --peer llama.cpp:f32 --ours "..."
    alternate.py --bench pm_train --peer trl --peer-args "--batch 4" --ours "..."

--peer may be given several times; `llama.cpp:FORMAT` names its number format. All programs load before the first
measurement; each does one run that does not count, then --n rounds. While one measures, the others are stopped
(SIGSTOP). Prints on stdout one JSON line a peer:
  {"bench", "case", "value", "unit", "peer", "peer_value", "ratio", "n", "spread",
   "peer_spread", "ratio_min", "ratio_max"}
value, peer_value: medians; ratio: of the medians; spread, peer_spread: (largest - smallest) / median;
ratio_min, ratio_max: over the rounds, each round's ours / that round's peer.

--ours speaks the protocol of `peer.py --serve`: for each line {"run": K} on stdin it answers a line {"value": rate}.
Lines without "value" are passed over.
"""
import argparse
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import workload

HERE = Path(__file__).resolve().parent


class Contender:
    """A measuring child process; it is stopped except while it loads or measures."""

    def __init__(self, name, command, env):
        self.name, self.values = name, []
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env=env)
        except OSError as error:
            raise SystemExit(f"alternate: {name}: {command[0]}: {error.strerror}")

    def ask(self, run):
        """Rate of one measured run."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps({"run": run}) + "\n")
            self.process.stdin.flush()
            return self.read_value()
        except BrokenPipeError:
            raise SystemExit(f"alternate: {self.name}: ended before it measured")
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def read_value(self):
        for line in self.process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                raise SystemExit(f"alternate: {self.name}: {line.strip()!r}, expected a JSON line")
            if "value" in answer:
                return float(answer["value"])
            if "error" in answer:
                raise SystemExit(f"alternate: {self.name}: {answer['error']}")
        raise SystemExit(f"alternate: {self.name}: ended with code {self.process.wait()} without an answer")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self.process.wait()


def spread(values):
    return round((max(values) - min(values)) / statistics.median(values), 4)


def peer_command(spec, args):
    peer, _, number_format = spec.partition(":")
    command = [sys.executable, str(HERE / "peer.py"), args.bench, "--peer", peer, "--case", args.case, "--serve",
               "--warmup", "0", "--threads", str(args.threads)]
    command += ["--format", number_format] if number_format else []
    return command + shlex.split(args.peer_args)


def result(args, ours, peer):
    ratios = [a / b for a, b in zip(ours.values, peer.values)]
    value, peer_value = statistics.median(ours.values), statistics.median(peer.values)
    return {"bench": args.bench, "case": args.case, "value": round(value, 4), "unit": workload.UNITS[args.bench],
            "peer": peer.name, "peer_value": round(peer_value, 4), "ratio": round(value / peer_value, 4),
            "n": len(ours.values), "spread": spread(ours.values), "peer_spread": spread(peer.values),
            "ratio_min": round(min(ratios), 4), "ratio_max": round(max(ratios), 4)}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, choices=workload.UNITS)
    parser.add_argument("--case")
    parser.add_argument("--peer", required=True, action="append", help="transformers, llama.cpp:f32, trl, peft, torch")
    parser.add_argument("--ours", required=True, help="command of our side, one string")
    parser.add_argument("--peer-args", default="", help="further arguments of peer.py, one string")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=5)
    args = parser.parse_args()
    args.case = args.case or workload.CASES[args.bench][0]
    if args.n < 1:
        parser.error(f"--n {args.n}, expected at least 1")
    return args


def main():
    args = parse()
    env = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
    contenders = []
    try:
        # One at a time, first run included: loading does not disturb another's measurement.
        for name, command in [("ours", shlex.split(args.ours))] + [(p, peer_command(p, args)) for p in args.peer]:
            contenders.append(Contender(name, command, env))
            contenders[-1].ask(0)
        for run in range(1, args.n + 1):
            for contender in contenders:
                contender.values.append(contender.ask(run))
                print(f"round {run} {contender.name}: {contender.values[-1]:.4g}", file=sys.stderr)
        for peer in contenders[1:]:
            print(json.dumps(result(args, contenders[0], peer)), flush=True)
    finally:
        for contender in contenders:
            contender.close()


if __name__ == "__main__":
    main()
