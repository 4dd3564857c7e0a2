#!/usr/bin/env python3
"""Measures ours and its peers by turns in one run, so that all see the same machine: ours, peer, peer, ours, ...

    alternate.py --bench labels --case reused --peer transformers --peer llama.cpp:f32 \
                 --ours "build/release/bin/charter_rollout_bench --work labels --model M --serve"

--peer may be given several times; `llama.cpp:FORMAT` names its number format, `charter:CASE` is our own program on
another case. All programs load first, and each is checked: a peer must find ours's losses or log-probabilities on the
same work (bench/workload.cpp, workload.py), or nothing is measured. Each does one run that does not count, then --n
rounds. While one measures, the others are stopped (SIGSTOP). Prints on stdout one JSON line a peer:
  bench, case, unit, peer, n
  value, peer_value       medians
  ratio                   of the medians, above 1 where ours is the faster (for seconds: peer_value / value)
  spread, peer_spread     (largest - smallest) / median
  ratio_min, ratio_max    over the rounds, each round's ours to that round's peer
  peak_mb, peer_peak_mb   largest resident memory while measuring
  difference              largest difference in the check
  decode, peer_decode, prefill, ...   medians of what a program tells besides
with --limits also, measured in every round of the same run:
  sgemm_gflops, read_gbs  what the machine reaches
  share, peer_share       of sgemm_gflops, by the model's operations with attention counted (workload.ModelFlops)
  decode_share, ...       the same of the decoding steps alone; read_share, of read_gbs, for one float32 sequence

--ours speaks the protocol of bench/serve.hpp. Without --peer one line with ours alone is printed.
"""
import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import workload
from figures import alone, largest_difference, result, shares

HERE = Path(__file__).resolve().parent
# Largest difference of a check's numbers, absolute up to 1 and relative above. llama.cpp's attention is in f16 in
# every format, and its weights are as the format says.
TOLERANCES = {"llama.cpp:f32": 0.05, "llama.cpp:f16": 0.1, "llama.cpp:q8_0": 0.5, "llama.cpp:q4_1": 1.0}
TOLERANCE, INT8_TOLERANCE = 2e-3, 0.5


class Contender:
    """A measuring child process; it is stopped except while it loads or measures."""

    def __init__(self, name, command, env):
        self.name, self.answers, self.model = name, [], None
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env=env)
        except OSError as error:
            raise SystemExit(f"alternate: {name}: {command[0]}: {error.strerror}")

    def ask(self, question, key):
        """The answer to one line, passing over lines without `key`."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            return self.read_answer(key)
        except BrokenPipeError:
            raise SystemExit(f"alternate: {self.name}: ended before it measured")
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def read_answer(self, key):
        for line in self.process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                raise SystemExit(f"alternate: {self.name}: {line.strip()!r}, expected a JSON line")
            self.model = answer.get("model") or self.model
            if "error" in answer:
                raise SystemExit(f"alternate: {self.name}: {answer['error']}")
            if key in answer:
                return answer
        raise SystemExit(f"alternate: {self.name}: ended with code {self.process.wait()} without an answer")

    def check(self):
        return self.ask({"check": True}, "numbers")["numbers"]

    def measure(self, run):
        answer = self.ask({"run": run}, "value")
        if not answer["value"] > 0:
            raise SystemExit(f"alternate: {self.name}: value {answer['value']}, expected > 0")
        return answer

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self.process.wait()

    def all(self, key):
        return [answer[key] for answer in self.answers if key in answer]


def tolerance(case, peer):
    return max(TOLERANCES.get(peer, TOLERANCE), INT8_TOLERANCE if case.startswith("int8") else 0.0)


def size_arguments(given):
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


def peer_command(spec, args):
    peer, _, detail = spec.partition(":")
    if peer == "charter":
        return shlex.split(args.ours_on.replace("CASE", detail)) + size_arguments(args.sizes)
    if args.bench == "startup":
        return [sys.executable, str(HERE / "startup.py"), peer, "--model", args.peer_model]
    command = [sys.executable, str(HERE / "peer.py"), args.bench, "--peer", peer, "--case", args.case, "--serve",
               "--warmup", "0", "--threads", str(args.threads)]
    return command + (["--format", detail] if detail else []) + size_arguments(args.given)


def environments(threads):
    """Ours sleeps while waiting, as the product does; peers wait as they choose."""
    base = os.environ | {"OMP_NUM_THREADS": str(threads)}
    peer = {key: value for key, value in base.items() if key != "OMP_WAIT_POLICY"}
    return base | {"OMP_WAIT_POLICY": "passive"}, peer


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, choices=workload.UNITS)
    parser.add_argument("--case")
    parser.add_argument("--peer", default=[], action="append", help="transformers, llama.cpp:f32, trl, peft, torch")
    parser.add_argument("--ours", required=True, help="command of our side, one string; sizes are appended")
    parser.add_argument("--ours-on", default="", help="the same with CASE in the case's place, for charter:CASE")
    parser.add_argument("--peer-model", default="", help="startup: the model its peer loads")
    parser.add_argument("--limits", help="command of charter_limits_bench")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=5)
    for size in sorted({name for sizes in workload.SIZES.values() for name in sizes}):
        parser.add_argument(f"--{size}", type=int, help="instead of workload.py's")
    args = parser.parse_args()
    args.case = args.case or next(iter(workload.PEERS[args.bench]))
    args.given = {k: getattr(args, k) for k in workload.SIZES[args.bench] if getattr(args, k) is not None}
    args.sizes = workload.sizes_of(args.bench, args.case, args.given)
    if args.n < 1:
        parser.error(f"--n {args.n}, expected at least 1")
    return args


def check_all(contenders, bench, case):
    """Differences of each peer from ours. Ends the program where one is above its tolerance."""
    expected = contenders[0].check()
    differences = []
    for peer in contenders[1:]:
        if peer.name.startswith("charter"):
            peer.check()
            differences.append(0.0)
            continue
        most = tolerance(case, peer.name)
        # Rounded weights soon choose other greedy tokens, after which nothing is the same work.
        step = workload.CHECK_TOKENS if bench == "rollout" and most > TOLERANCE else 1
        differences.append(largest_difference(peer.check()[::step], expected[::step]))
        print(f"check {peer.name}: within {differences[-1]:.2g}", file=sys.stderr)
        if not differences[-1] <= most:
            raise SystemExit(f"alternate: {peer.name} differs from ours by {differences[-1]:.3g} on the same work, "
                             f"expected at most {most}")
    return differences


def run_rounds(contenders, limits, n):
    for contender in contenders:
        contender.measure(1)
    for run in range(2, n + 2):
        for contender in contenders + limits:
            contender.answers.append(contender.measure(run))
            print(f"round {run - 1} {contender.name}: {contender.answers[-1]['value']:.4g}", file=sys.stderr)


def lines(args, contenders, differences):
    """Each line with the cases its values are of."""
    ours, peers = contenders[0], contenders[1:]
    if not peers:
        yield alone(args.bench, args.case, ours), {"": args.case}
    for peer, difference in zip(peers, differences):
        other = peer.name.partition(":")[2] if peer.name.startswith("charter") else args.case
        yield result(args.bench, args.case, ours, peer, difference), {"": args.case, "peer_": other}


def main():
    args = parse()
    own_env, peer_env = environments(args.threads)
    contenders, limits = [], []
    try:
        contenders.append(Contender("charter", shlex.split(args.ours) + size_arguments(args.sizes), own_env))
        for spec in args.peer:
            env = own_env if spec.startswith("charter") else peer_env
            contenders.append(Contender(spec, peer_command(spec, args), env))
        if args.limits:
            limits.append(Contender("limits", shlex.split(args.limits), own_env))
        differences = check_all(contenders, args.bench, args.case)
        run_rounds(contenders, limits, args.n)
        for line, cases in lines(args, contenders, differences):
            if limits and contenders[0].model:
                line |= shares(args.bench, args.sizes, contenders[0].model, limits[0], line, cases)
            print(json.dumps(line), flush=True)
    finally:
        for contender in contenders + limits:
            contender.close()


if __name__ == "__main__":
    main()
