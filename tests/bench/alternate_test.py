#!/usr/bin/env python3
"""Tests of bench/peers: the statistics of alternate.py, its protocol with fake contenders, and the work drawn."""
import contextlib
import io
import json
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / "bench" / "peers"
sys.path.insert(0, str(PEERS))
import alternate
import figures
import workload

# Answers with its own numbers, and writes its name down at each measurement.
FAKE = """
import json, sys
name, log, check, values = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    if "check" in json.loads(line):
        print(json.dumps({"numbers": check}), flush=True)
    elif not values:
        sys.exit(3)
    else:
        open(log, "a").write(name)
        value = values.pop(0)
        print(value if isinstance(value, str) else json.dumps({"value": value, "peak_mb": 10 * value}), flush=True)
"""


class Recorded(alternate.Contender):
    """A contender that has measured already."""

    def __init__(self, name, answers):
        self.name, self.answers = name, answers


def values(*rates):
    return [{"value": rate} for rate in rates]


class StatisticsTest(unittest.TestCase):
    def test_values_and_ratio_are_of_medians_and_spreads_relative_to_them(self):
        line = figures.result("pm_train", "plain", Recorded("charter", values(10, 12, 11)),
                                Recorded("trl", values(5, 6, 4)))
        self.assertEqual((line["value"], line["peer_value"], line["n"]), (11, 5, 3))
        self.assertEqual(line["ratio"], 2.2)  # 11 / 5
        self.assertEqual(line["spread"], 0.1818)  # (12 - 10) / 11
        self.assertEqual(line["peer_spread"], 0.4)  # (6 - 4) / 5
        self.assertEqual((line["ratio_min"], line["ratio_max"]), (2.0, 2.75))  # 10/5, 12/6, 11/4

    def test_for_seconds_the_ratio_is_how_many_times_shorter_ours_is(self):
        line = figures.result("startup", "gguf", Recorded("charter", values(2)), Recorded("llama.cpp", values(3)))
        self.assertEqual((line["ratio"], line["unit"]), (1.5, "s"))

    def test_memory_is_the_largest_and_other_parts_are_medians(self):
        answers = [{"value": 1, "peak_mb": m, "decode": d} for m, d in ((5, 1), (9, 2), (7, 6))]
        line = figures.result("rollout", "plain", Recorded("charter", answers), Recorded("trl", values(1, 1, 1)))
        self.assertEqual((line["peak_mb"], line["decode"]), (9, 2))
        self.assertNotIn("peer_peak_mb", line)

    def test_a_difference_is_absolute_up_to_one_and_relative_above(self):
        self.assertAlmostEqual(figures.largest_difference([0.5, 11.0], [0.4, 10.0]), 0.1)  # .1 and 1/10
        with self.assertRaisesRegex(SystemExit, "1 numbers, expected 2"):
            figures.largest_difference([1.0], [1.0, 2.0])


class FlopsTest(unittest.TestCase):
    SIZES = dict(vocab_size=10, hidden_size=4, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
                 num_key_value_heads=1, head_dim=2)

    def test_a_forward_pass_counts_weights_attention_and_head(self):
        flops = workload.ModelFlops(self.SIZES)
        # q, o: 2 * 4 * 4; k, v: 2 * 4 * 2; gate, up, down: 3 * 4 * 6
        self.assertEqual(flops.layer_weights, 120)
        # 3 tokens * 240, (1 + 2 + 3) positions * 4 * 4 queries, one row of logits 2 * 4 * 10
        self.assertEqual(flops.forward(0, 3, 1), 720 + 96 + 80)
        # token 3 sees 4 positions
        self.assertEqual(flops.forward(3, 1, 1), 240 + 64 + 80)
        self.assertEqual(flops.work("pm_train", "plain", dict(batch=1, length=3)), 3 * 2 * (720 + 96))


class WorkloadTest(unittest.TestCase):
    """The lines of workload_test.cpp: both sides draw the same work."""

    def test_token_ids(self):
        self.assertEqual(workload.token_ids(3, 0, 49152), [28632, 14562, 45345])
        self.assertEqual(workload.sequences([1, 2], 5, 49152), [[16036], [46810, 25143]])
        self.assertEqual(workload.unit_floats(2, 7), [0.06654739379882812, -0.6777515411376953])

    def test_pairs_of_the_shared_case_begin_alike(self):
        a, b = workload.sequences([4, 5], 5, 49152)
        self.assertEqual(workload.pair_sequences("shared", [4, 5], 5, 49152), [a, a[:2] + b[2:]])

    def test_lengths(self):
        self.assertEqual(workload.train_lengths("mixed", dict(length=128), 8),
                         [128, 160, 256, 32, 192, 224, 64, 96])
        self.assertEqual(workload.long_tail(5), [8, 19, 45, 108, 256])


class ProtocolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name, "log")

    def contender(self, name, rates, check=(0.5,)):
        command = [sys.executable, "-c", FAKE, name, str(self.log), json.dumps(check), json.dumps(rates)]
        made = alternate.Contender(name, command, {})
        self.addCleanup(made.process.stdin.close)
        self.addCleanup(made.process.stdout.close)
        self.addCleanup(made.close)
        return made

    def quietly(self, call, *arguments):
        with contextlib.redirect_stderr(io.StringIO()):
            return call(*arguments)

    def test_contenders_take_turns_and_the_first_run_does_not_count(self):
        a, b = self.contender("a", [99, 1, 2]), self.contender("b", [99, 3, 4])
        self.quietly(alternate.run_rounds, [a, b], [], 2)
        self.assertEqual((a.all("value"), b.all("value")), ([1, 2], [3, 4]))
        self.assertEqual(self.log.read_text(), "ababab")
        self.assertEqual(a.all("peak_mb"), [10, 20])

    def test_numbers_that_differ_end_the_bench_before_it_measures(self):
        a, b = self.contender("charter", [1], [0.5, 2.0]), self.contender("trl", [1], [0.5, 2.1])
        with self.assertRaisesRegex(SystemExit, "trl differs from ours by 0.05.* expected at most 0.002"):
            self.quietly(alternate.check_all, [a, b], "pm_train", "plain")
        self.assertFalse(self.log.exists())

    def test_numbers_within_tolerance_are_reported_by_their_difference(self):
        a, b = self.contender("charter", [1], [0.5]), self.contender("llama.cpp:f32", [1], [0.51])
        self.assertAlmostEqual(self.quietly(alternate.check_all, [a, b], "pm_train", "plain")[0], 0.01)

    def test_rounded_rollouts_are_compared_by_their_first_tokens(self):
        a = self.contender("charter", [1], [0.5, 1, 2, 3, 0.25, 1, 2, 3])
        b = self.contender("llama.cpp:q8_0", [1], [0.75, 9, 9, 9, 0.25, 9, 9, 9])
        self.assertEqual(self.quietly(alternate.check_all, [a, b], "rollout", "plain"), [0.25])

    def test_a_contender_that_ends_is_named_with_its_code(self):
        with self.assertRaisesRegex(SystemExit, "a: ended with code 3 without an answer"):
            self.contender("a", []).measure(1)

    def test_a_line_that_is_not_json_and_a_rate_of_zero_are_refused(self):
        with self.assertRaisesRegex(SystemExit, "a: 'loading', expected a JSON line"):
            self.contender("a", ["loading"]).measure(1)
        with self.assertRaisesRegex(SystemExit, "b: value 0, expected > 0"):
            self.contender("b", [0]).measure(1)

    def test_stdout_carries_one_json_line_a_peer(self):
        fake = [sys.executable, "-c", FAKE, "ours", str(self.log), "[]", "[9, 2, 4]"]
        done = subprocess.run([sys.executable, str(PEERS / "alternate.py"), "--bench", "rollout", "--ours",
                               shlex.join(fake), "--n", "2"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        line = json.loads(done.stdout)
        self.assertEqual((line["bench"], line["case"], line["value"], line["peer"], line["n"]),
                         ("rollout", "plain", 3, None, 2))


if __name__ == "__main__":
    unittest.main()
