#!/usr/bin/env python3
"""Whole runs of the binary on a tiny random model: all stages, through real processes and links.

  tiny_run_test.py split         control, engine and trainer process over ipc
  tiny_run_test.py single        one process over inproc
  tiny_run_test.py per-worker    one process a worker over tcp
  tiny_run_test.py kill-engine   the engine process is killed during rl; the run goes on and ends
  tiny_run_test.py kill-trainer  the trainer process is killed during rl; restored from its checkpoint
  tiny_run_test.py kill-control  status during rl; a second run is refused; the control process is killed and leaves
                                 nothing outside the run's directory; status says stopped; the same command resumes
  tiny_run_test.py stop          SIGTERM during rl drains; the same command resumes
  tiny_run_test.py stop-engine   the engine process is stopped (SIGSTOP) during rl: it hangs and is replaced
  tiny_run_test.py hung-role     the learner hangs in a living process, before any report was asked of it; who waits is
                                 said, and the phase is restored
  tiny_run_test.py hung-start    the same while it starts
  tiny_run_test.py fail          more faults than the budget allows: one line, and nothing left behind

CHARTER_BINARY and MAKE_TINY_MODEL name the programs, CHARTER_MODEL the GGUF whose vocabulary is used.
Exit code: 0 it held, 1 an assertion with the end of the logs, 77 the vocabulary is absent.
"""
import json
import math
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib

from programs import processes, run_program, threads

BINARY = os.environ["CHARTER_BINARY"]
MAKE_MODEL = os.environ["MAKE_TINY_MODEL"]
VOCABULARY = pathlib.Path(
    os.environ.get("CHARTER_MODEL")
    or pathlib.Path.home() / ".cache/charter/models/SmolLM2-135M-Instruct.Q4_1.gguf"
)
RUN_SECONDS = 240
STAGES = ["sl_generate", "sl_train", "label", "pm_train", "firewall", "rl", "eval", "report"]
BATCH = 2

CONFIG = """
[run]
name = "tiny"
root = "{root}"
[models]
base = "{model}"
[machine]
placement = "{placement}"
transport = "{transport}"
compute_slots = 2
{machine}
tcp_base_port = {port}
[rollout]
batch = 4
prefix_cache_mib = 16
[lora]
rank = 2
alpha = 4
[sl_generate]
red_team_prompts = 2
rounds = 1
helpful_prompts = 2
max_new_tokens = 8
fewshot_max_tokens = 200
[sl_train]
batch = 2
warmup = 1
schedule = "linear"
max_tokens = 64
checkpoint_every = 1
[label]
comparisons = 4
check_pairs = 2
[pm_train]
schedule = "cosine"
pmp_pairs = 6
helpfulness_pairs = 2
harmlessness_pairs = 2
batch = 2
max_tokens = 64
eval_pairs = 2
checkpoint_every = 1
[firewall]
helpful_prompts = 8
held_out_prompts = 4
[rl]
updates = {updates}
batch = 2
warmup = 1
schedule = "linear"
max_new_tokens = 8
pair_fraction = 0.5
pm_batch = 1
checkpoint_every = 2
[eval]
prompts = 4
max_new_tokens = 8
bootstrap = 10
"""


class Run:
    def __init__(self, folder, placement="split", transport="ipc", updates=2, machine="", hidden=32):
        self.folder = folder
        self.updates = updates
        self.run = folder / "runs/tiny"
        self.log = folder / "run.log"
        model = folder / "model"
        subprocess.run([MAKE_MODEL, str(VOCABULARY), str(model), str(hidden)], check=True, timeout=RUN_SECONDS)
        self.config = folder / "tiny.toml"
        port = 20000 + os.getpid() % 30000
        self.config.write_text(
            CONFIG.format(root=folder / "runs", model=model, placement=placement, transport=transport,
                          port=port, updates=updates, machine=machine)
        )
        self.process = None

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen([BINARY, "run", str(self.config)], stdout=log, stderr=log)

    def wait(self):
        try:
            return self.process.wait(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"the run has not ended in {RUN_SECONDS} s")
            for process, arguments in self.processes():
                print(f"{' '.join(arguments[1:])}\n{threads(process)}")
            raise

    def end(self):
        """Whatever a failed test left running; its workers end with it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def query(self, sql, *values):
        try:
            with sqlite3.connect(f"file:{self.run}/ledger.sqlite?mode=ro", uri=True, timeout=5) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []

    def wait_for_version(self, version):
        """Until rl has committed this policy version and is not at its end."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the run ended before it could be disturbed"
            rows = self.query("SELECT max(version) FROM versions WHERE model = 'policy'")
            if rows and rows[0][0] is not None and rows[0][0] >= version:
                return
            time.sleep(0.01)
        raise AssertionError(f"no policy version {version} in {RUN_SECONDS} s")

    def processes(self):
        """Process id and arguments of the control process and its workers."""
        return processes(lambda arguments: str(self.run) in arguments or str(self.config) in arguments)

    def find_worker(self, node, phase=None):
        """The process id of a worker of this run, in this phase; None: there is none now."""
        for process, arguments in self.processes():
            if "worker" in arguments and node in arguments and phase in (None, *arguments):
                return process
        return None

    def worker(self, node):
        process = self.find_worker(node)
        assert process is not None, f"no process of node {node}"
        return process

    def wait_for_worker(self, node, phase):
        """Until this phase has begun to start it."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the run ended before {phase}"
            if (process := self.find_worker(node, phase)) is not None:
                return process
            time.sleep(0.01)
        raise AssertionError(f"no process of node {node} in {phase} in {RUN_SECONDS} s")

    def status(self):
        done = run_program([BINARY, "status", "--run", self.run, "--json"], timeout=60)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def events(self):
        return [text for (text,) in self.query("SELECT text FROM events ORDER BY id")]

    def check_complete(self):
        status = self.status()
        assert [(s["name"], s["state"]) for s in status["stages"]] == [(s, "done") for s in STAGES], status["stages"]
        assert status["policy"]["version"] == self.updates, status["policy"]
        assert (self.run / "report.html").stat().st_size > 1000
        assert (self.run / "weights/sl_cai/model.safetensors").exists()
        assert (self.run / "weights/rl_cai/model.safetensors").exists()
        for name in ("sl_cai", "rl_cai"):  # as they were trained: in the built-in format's own template
            template = (self.run / f"weights/{name}/chat_template.jinja").read_text()
            assert "<|im_start|>" in template and "a system message only as the first" in template, template
        assert status["live"] is False, status
        self.check_judges(status)
        self.check_nothing_left()
        self.check_exactly_once()
        self.check_rates()
        self.check_limits(status)

    def check_judges(self, status):
        """The evaluation's judge was checked by principles the labeller never used, and no pair of answers is lost."""
        used = {}
        for purpose, principle in self.query(
                "SELECT json_extract(body, '$.purpose'), json_extract(body, '$.principle_id') FROM records WHERE kind IN ('judge', 'pair')"):
            used.setdefault(purpose, set()).add(principle)
        assert used["check_harmlessness"] and used["check_helpfulness"] == {"helpfulness"}, used
        assert not used["check_harmlessness"] & (used["check"] | used["label"]), used
        assert "check on labelled harmlessness pairs" in (self.run / "report.html").read_text()
        pairs = status["evaluation"]["pairs"]
        assert [(p["left"], p["right"]) for p in pairs] == [("base", "sl_cai"), ("base", "rl_cai"), ("sl_cai", "rl_cai")], pairs
        counted = [sum(p[key] for key in ("judged", "identical", "empty", "unjudged")) for p in pairs]
        assert counted == [tomllib.loads(self.config.read_text())["eval"]["prompts"]] * 3, pairs  # prompts of the evaluation

    def check_limits(self, status):
        """Nothing is wrong with these runs, and nothing is said to be."""
        assert not [text for text in self.events() if text.startswith("limit ")], self.events()
        assert [row["limit"] for row in status["limits"] if row["state"] != "within"] == [], status["limits"]

    def leftovers(self):
        name = f"charter-{self.run_id()}*"
        places = [(pathlib.Path("/dev/shm"), name), (pathlib.Path(tempfile.gettempdir()), name),
                  (self.run, "links-*"), (self.run, "memory-*")]
        return [str(path) for folder, pattern in places for path in folder.glob(pattern)]

    def check_nothing_left(self, seconds=0):
        """Outside what a resume needs. seconds: how long after its end a killed run may take."""
        deadline = time.monotonic() + seconds
        while self.leftovers() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self.leftovers(), self.leftovers()

    def stage(self, name, status):
        return next(s for s in status["stages"] if s["name"] == name)

    def run_id(self):
        return json.loads((self.run / "manifest.json").read_text())["run_id"]

    def check_exactly_once(self):
        """Every rollout is trained, and every version on a batch of its own: one trained twice would be
        missing from the version that had it first, since the ledger keeps the newest training."""
        states = dict(self.query("SELECT state, count(*) FROM work WHERE stage = 'rl' AND kind = 'rollout' GROUP BY state"))
        assert states == {"trained": BATCH * self.updates}, states
        by_version = self.query("SELECT version, count(*) FROM trained WHERE model = 'policy' GROUP BY version ORDER BY version")
        assert by_version == [(v, BATCH) for v in range(1, self.updates + 1)], by_version
        open_work = self.query("SELECT stage, kind, count(*) FROM work WHERE state IN ('pending', 'quarantined') GROUP BY 1, 2")
        allowed = {("rl", "pair")}  # drawn beside the rollouts; rl does not wait for them
        assert {(stage, kind) for stage, kind, _ in open_work} <= allowed, open_work


    def check_rates(self):
        """Each version was trained at the rate its place in the schedule asks for, whatever was restored in between."""
        def linear(step, steps):  # after one step of warm-up
            return 1.0 if step == 0 else 1 - (step - 1) / (steps - 1)

        def cosine(step, steps):
            return (1 + math.cos(math.pi * step / steps)) / 2

        for model, rate, shape in (("sl", 2e-4, linear), ("pmp", 1e-3, cosine), ("pm", 5e-4, cosine), ("policy", 1e-4, linear)):
            rates = [r for (r,) in self.query(
                "SELECT json_extract(stats, '$.learning_rate') FROM versions WHERE model = ? ORDER BY version", model)]
            assert rates and all(abs(r - rate * shape(step, len(rates))) < 1e-12 for step, r in enumerate(rates)), (model, rates)


def whole_run(folder, **options):
    run = Run(folder, **options)
    try:
        run.start()
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def check_live_status(run):
    status = run.status()
    rl = run.stage("rl", status)
    assert status["live"] is True and rl["state"] == "running", status
    assert rl["spent_seconds"] > 0 and rl["planned_seconds"] > 0, rl
    assert BATCH * 3 <= rl["done"] < rl["total"] == BATCH * run.updates, rl
    assert run.stage("sl_train", status)["done"] == run.stage("sl_train", status)["total"], status


def check_second_is_refused(run):
    """By the lock, before it touches what the first one has: rl.updates may change, so nothing else refuses it."""
    before = (run.run / "config.toml").read_text()
    second = run_program([BINARY, "run", run.config, "--set", "rl.updates=50"], timeout=60)
    assert second.returncode == 1 and "another process is writing it" in second.stderr, second
    assert second.stderr.count("\n") == 1, second.stderr
    assert (run.run / "config.toml").read_text() == before


def killed_control(folder):
    run = Run(folder, updates=100)  # long enough for three commands beside it
    try:
        run.start()
        run.wait_for_version(3)
        check_live_status(run)
        check_second_is_refused(run)
        spent = run.stage("rl", run.status())["spent_seconds"]
        run.process.kill()
        assert run.wait() == -signal.SIGKILL
        run.check_nothing_left(seconds=10)
        status = run.status()
        rl = run.stage("rl", status)
        assert status["live"] is False and rl["state"] == "stopped", status
        assert spent - 5 < rl["spent_seconds"] < spent + 30, (spent, rl)
        run.start()
        assert run.wait() == 0
        run.check_complete()
        assert run.stage("rl", run.status())["spent_seconds"] > rl["spent_seconds"], run.status()
    finally:
        run.end()


def stopped_engine(folder):
    run = Run(folder, updates=12, machine="heartbeat_seconds = 3")
    try:
        run.start()
        run.wait_for_version(3)
        os.kill(run.worker("engine"), signal.SIGSTOP)
        assert run.wait() == 0
        run.check_complete()
        assert any("engine ended (signal 9): no heartbeat for 3 s; last progress" in event and "restarted" in event
                   for event in run.events()), run.events()
    finally:
        run.end()


def hung_role(folder, version):
    """The learner publishes its versions as files; this one, made a pipe that nobody reads, never opens."""
    run = Run(folder, updates=12, machine="heartbeat_seconds = 2\nstep_seconds = 12")
    try:
        run.start()
        trainer = run.wait_for_worker("trainer", "rl")
        run.process.send_signal(signal.SIGSTOP)  # who gives it its work, until the pipe is there
        [memory] = pathlib.Path("/dev/shm").glob(f"charter-{run.run_id()}*")
        [(lineage,)] = run.query("SELECT value FROM meta WHERE key = 'lineage'")
        assert not list(memory.glob("policy-*")), list(memory.iterdir())
        os.mkfifo(memory / f"policy-{lineage}-{version}.safetensors.tmp.{trainer}")
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() == 0
        run.check_complete()
        events = run.events()
        assert any("trainer ended (" in event and "ppo_learner/0: has not answered for 1" in event and
                   "last progress" in event and "(version 0" in event and "restoring" in event for event in events), events
        log = run.log.read_text()
        assert "no progress for 4 s: " in log and "ppo_learner/0 (version 0" in log, log
    finally:
        run.end()


def failed(folder):
    run = Run(folder, updates=12, machine="max_restarts = 0")
    try:
        run.start()
        run.wait_for_version(3)
        os.kill(run.worker("engine"), signal.SIGKILL)
        assert run.wait() == 1
        last = run.log.read_text().splitlines()[-1]
        assert last.startswith("charter: rl: engine ended (signal 9); more than 0 restarts"), last
        run.check_nothing_left()
        assert run.stage("rl", run.status())["state"] == "stopped", run.status()
        run.start()
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def killed_worker(folder, node, told):
    run = Run(folder, updates=12)
    try:
        run.start()
        run.wait_for_version(3)
        os.kill(run.worker(node), signal.SIGKILL)
        assert run.wait() == 0
        run.check_complete()
        assert any(told in event and "signal 9" in event for event in run.events()), run.events()
    finally:
        run.end()


def interrupted(folder, number, code):
    run = Run(folder, updates=12)
    try:
        run.start()
        run.wait_for_version(3)
        run.process.send_signal(number)
        assert run.wait() == code
        state = run.query("SELECT state FROM stages WHERE name = 'rl'")
        assert state == [("running",)], state
        run.start()
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


CASES = {
    "split": lambda folder: whole_run(folder),
    "single": lambda folder: whole_run(folder, placement="single", transport="inproc"),
    "per-worker": lambda folder: whole_run(folder, placement="process-per-worker", transport="tcp"),
    "kill-engine": lambda folder: killed_worker(folder, "engine", "restarted"),
    "kill-trainer": lambda folder: killed_worker(folder, "trainer", "restoring"),
    "kill-control": killed_control,
    "stop": lambda folder: interrupted(folder, signal.SIGTERM, 130),
    "stop-engine": stopped_engine,
    "hung-role": lambda folder: hung_role(folder, version=1),
    "hung-start": lambda folder: hung_role(folder, version=0),
    "fail": failed,
}


def main():
    case = CASES[sys.argv[1]]
    if not VOCABULARY.exists():
        print(f"skipped: {VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-run-") as name:
        folder = pathlib.Path(name)
        started = time.monotonic()
        try:
            case(folder)
        except (AssertionError, subprocess.SubprocessError) as failure:
            print(f"{sys.argv[1]}: {failure}")
            for log in [folder / "run.log", *sorted((folder / "runs/tiny/logs").glob("*.log"))]:
                if log.exists():
                    print(f"---- {log.name}\n{log.read_text()[-4000:]}")
            return 1
        print(f"{sys.argv[1]}: held, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
