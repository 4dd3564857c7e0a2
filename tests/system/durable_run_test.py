#!/usr/bin/env python3
"""What a run stands to lose on disk: each loss is one clear line and changes nothing, and what is left goes on.

  durable_run_test.py lost-ledger   a run is killed in rl; its ledger, log, checkpoints and weights are damaged one by one
  durable_run_test.py moved         the killed run's directory, base model and working directory change; TMPDIR is missing
  durable_run_test.py data          data files are exchanged before a resume: refused, or taken and never trained and evaluated
  durable_run_test.py backup        a live run is backed up in rl; both go on to their ends

CHARTER_BINARY and MAKE_TINY_MODEL name the programs, CHARTER_MODEL the GGUF whose vocabulary is used.
Exit code: 0 it held, 1 an assertion with the end of the logs, 77 the vocabulary is absent.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from tiny_run_test import BINARY, RUN_SECONDS, VOCABULARY, Run


def tree(folder):
    """Every file's content but those that an opening makes: the lock, SQLite's shared memory and an empty log."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix not in (".lock", ".log") and not path.name.endswith("-shm")
            and not (path.name.endswith("-wal") and path.stat().st_size == 0)}


def flip(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 16]))


def start(config, *arguments, **environment):
    """Runs to the end: exit code and what was said."""
    done = subprocess.run([BINARY, "run", str(config), *arguments], capture_output=True, text=True, timeout=RUN_SECONDS,
                          env={**os.environ, **environment})
    return done.returncode, done.stderr


def refused(said, *parts):
    code, text = said
    assert code == 1, said
    lines = [line for line in text.splitlines() if line.startswith("charter: ")]
    assert len(lines) == 1 and text.splitlines()[-1] == lines[0], text
    for part in parts:
        assert part in lines[0], (part, lines[0])
    print("  " + lines[0])


def killed_run(folder, **options):
    """A run that was killed in rl after three versions, all of its ledger's last minutes in the log."""
    run = Run(folder, updates=12, **options)
    try:
        run.start()
        run.wait_for_version(3)
        run.process.kill()
        assert run.wait() == -signal.SIGKILL
        run.check_nothing_left(seconds=10)
    finally:
        run.end()
    return run


def resumes(run, config=None):
    try:
        with run.log.open("a") as log:
            run.process = subprocess.Popen([BINARY, "run", str(config or run.config)], stdout=log, stderr=log)
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def lost_ledger(folder):
    run = killed_run(folder)
    kept = folder / "kept"
    shutil.copytree(run.run, kept)
    ledger, log = run.run / "ledger.sqlite", run.run / "ledger.sqlite-wal"
    assert log.stat().st_size > 0
    newest = max((run.run / "checkpoints/policy").glob("ckpt-*"), key=lambda path: [int(n) for n in path.name.split("-")[1:]])

    def older():
        """The database as it was before rl, without its log."""
        log.unlink()
        (run.run / "ledger.sqlite.commits").unlink()

    def change(sql):
        """The log is folded then, as by every opening that succeeds."""
        with contextlib.closing(sqlite3.connect(ledger)) as db:
            db.execute(sql)
            db.commit()

    def unknown_checkpoint():
        change("DELETE FROM versions WHERE model = 'policy'")

    def other_weights():
        change("PRAGMA wal_checkpoint(TRUNCATE)")
        (run.run / "weights/sl_cai/manifest.json").unlink()

    losses = [
        ("the ledger is gone", lambda: ledger.unlink(), ["ledger.sqlite: is missing", "restore it from a backup"]),
        ("the ledger and all beside it are gone", lambda: [path.unlink() for path in run.run.glob("ledger.sqlite*")],
         ["ledger.sqlite: is missing", "restore it from a backup"]),
        ("the ledger is empty", lambda: os.truncate(ledger, 0), ["ledger.sqlite: is empty", "restore it from a backup"]),
        ("the log is gone", lambda: log.unlink(), ["commits, expected at least", "ledger.sqlite-wal is missing"]),
        ("the log is cut", lambda: os.truncate(log, log.stat().st_size // 2), ["commits, expected at least"]),
        ("a bit of the log", lambda: flip(log, log.stat().st_size // 3), ["commits, expected at least"]),
        ("a copy without its log and count", older, ["ckpt-", "the ledger has no version", "move this checkpoint away"]),
        ("a checkpoint that it does not know", unknown_checkpoint, [str(newest), "the ledger has no version"]),
        ("the manifest is gone", lambda: (run.run / "manifest.json").unlink(), ["manifest.json: is missing"]),
        ("config.toml is gone", lambda: (run.run / "config.toml").unlink(), ["config.toml is missing"]),
        ("another model's weights", other_weights,
         ["weights/sl_cai/manifest.json: is missing or damaged", "as the ledger knows it"]),
    ]
    for name, damage, parts in losses:
        print(name)
        damage()
        before = tree(run.run)
        refused(start(run.config), *parts)
        assert tree(run.run) == before, f"{name}: the run was changed: {before.keys() ^ tree(run.run).keys()}"
        shutil.rmtree(run.run)
        shutil.copytree(kept, run.run)
    print("a bit of the weights")
    weights = run.run / "weights/sl_cai/model.safetensors"
    flip(weights, weights.stat().st_size - 1000)
    refused(start(run.config), "weights/sl_cai/model.safetensors: checksum ", ", expected ", "restore it from a backup, or move ")
    shutil.rmtree(weights.parent)  # moved away: made again of its checkpoint
    resumes(run)
    assert weights.exists()


def moved(folder):
    run = killed_run(folder)
    other = folder / "other place"
    other.mkdir()
    shutil.move(run.run, other / "renamed")
    run.run = other / "renamed"
    shutil.rmtree(folder / "model")
    os.chdir("/")
    os.environ["TMPDIR"] = str(folder / "none")
    try:
        resumes(run, run.run / "config.toml")
    finally:
        del os.environ["TMPDIR"]
    config = (run.run / "config.toml").read_text()
    assert f'root = "{other}"' in config and 'name = "renamed"' in config, config


def prompts_of(run, *stages):
    marks = ",".join("?" * len(stages))
    return {json.loads(payload)["prompt"] for (payload,) in
            run.query(f"SELECT payload FROM work WHERE stage IN ({marks}) AND kind != 'judge'", *stages)}


def data(folder):
    """Red-team prompts change sides: what was for training is held out."""
    def write(swapped):
        rows = [{"id": f"p{i}", "prompt": f"How is thing number {i} made?", "split": "train" if (i < 32) != swapped else "held_out"}
                for i in range(64)]
        (folder / "red.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    write(False)
    run = Run(folder, updates=12)
    run.config.write_text(run.config.read_text() + '[data]\nred_team = "red.jsonl"\n')
    os.chdir("/")  # the file's place is beside its TOML
    try:
        run.start()
        run.wait_for_version(3)
        run.process.kill()
        run.wait()
        write(True)
        refused(start(run.config), f"data.red_team: {folder}/red.jsonl: ", " bytes with checksum ", ", expected ", "--accept-data")
        code, said = start(run.config, "--accept-data")
        assert code == 0, said
        run.check_complete()
    finally:
        run.end()
    trained = prompts_of(run, "sl_generate", "label", "rl")
    assert not trained & prompts_of(run, "eval_generate"), trained
    assert any("red.jsonl" in event and event.endswith("taken with --accept-data") for event in run.events()), run.events()
    assert "taken with --accept-data" in (run.run / "report.html").read_text()
    [accepted] = json.loads((run.run / "manifest.json").read_text())["accepted"]
    assert accepted["key"] == "data.red_team" and accepted["before"] != accepted["after"], accepted


def backup(folder):
    run = Run(folder, updates=40)
    copy = folder / "backups" / "tiny"
    copy.parent.mkdir()
    try:
        run.start()
        run.wait_for_version(3)
        done = subprocess.run([BINARY, "backup", "--run", str(run.run), "--out", str(copy), "--json"], check=True,
                              capture_output=True, text=True, timeout=60)
        made = json.loads(done.stdout)
        assert made["ledger_commits"] > 0 and any(name.startswith("policy/") for name in made["checkpoints"]), made
        assert made["weights"] == ["base", "pm.safetensors", "pmp.safetensors", "sl_cai"], made
        assert run.process.poll() is None, "the run ended before its copy was made"
        readable = [str(path) for path in [copy, *copy.rglob("*")] if path.lstat().st_mode & 0o077]
        assert not readable, f"readable by others: {readable}"
        again = subprocess.run([BINARY, "backup", "--run", str(run.run), "--out", str(copy)], capture_output=True, text=True)
        assert again.returncode == 1 and "exists, expected a new or an empty directory" in again.stderr, again
        assert [path.name for path in copy.parent.iterdir()] == ["tiny"]
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()
    run.run = copy
    resumes(run, copy / "config.toml")


CASES = {"lost-ledger": lost_ledger, "moved": moved, "data": data, "backup": backup}


def main():
    case = CASES[sys.argv[1]]
    if not VOCABULARY.exists():
        print(f"skipped: {VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-durable-") as name:
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
        finally:
            os.chdir("/")
        print(f"{sys.argv[1]}: held, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
