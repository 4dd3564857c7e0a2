#!/usr/bin/env python3
"""A run whose policy explodes says so while it goes on, in its ledger, its status and its report; the same run at a
sane learning rate says nothing.

CHARTER_BINARY, MAKE_TINY_MODEL and CHARTER_MODEL as in tiny_run_test.py. Exit code: 0 it held, 1 an assertion with the
end of the logs, 77 the vocabulary is absent.
"""
import pathlib
import subprocess
import sys
import tempfile

import tiny_run_test

UPDATES = 6
EXPLODES = ("kl", "entropy", "importance")  # at least one of these; which, is chance


def limits(run):
    return {row["limit"]: row for row in run.status()["limits"]}


def run_of(folder, learning_rate):
    folder.mkdir()
    run = tiny_run_test.Run(folder, placement="single", transport="inproc", updates=UPDATES)
    text = run.config.read_text()
    assert text.count("[rl]\n") == 1, text
    run.config.write_text(text.replace("[rl]\n", f"[rl]\nlearning_rate = {learning_rate}\n"))
    try:
        run.start()
        assert run.wait() == 0
    finally:
        run.end()
    return run


def exploded(folder):
    run = run_of(folder, "1.0")
    rows = limits(run)
    over = [name for name, row in rows.items() if row["worst"] is not None]
    assert set(over) & set(EXPLODES), rows
    events = [(level, text) for level, text in run.query("SELECT level, text FROM events ORDER BY id") if text.startswith("limit ")]
    warned = [text.split(":")[0].removeprefix("limit ") for level, text in events if level == "warning"]
    assert set(warned) == set(over), (events, rows)
    # One a crossing, not one a version.
    for name in over:
        crossings = [text for _, text in events if text.startswith(f"limit {name}: ")]
        assert 1 <= len(crossings) <= UPDATES // 2, crossings
        assert len([text for text in crossings if "within its limit again" in text]) in (len(crossings) // 2, ), crossings
    log = run.log.read_text()
    for _, text in events:
        assert log.count(text) == 1, (text, log[-3000:])
    held = [name for name, row in rows.items() if row["state"] == "exceeded"]
    if held:
        assert f"rl: ends with limits exceeded: {held[0]} since version " in log, log[-3000:]
    report = (run.run / "report.html").read_text()
    for name in over:
        assert f"Limit {name} was exceeded: " in report, name
    shown = subprocess.run([tiny_run_test.BINARY, "status", "--run", str(run.run)], check=True, capture_output=True, text=True)
    for name in held:
        assert f"limit {name} exceeded since version " in shown.stdout, shown.stdout
    assert "nats/response" in shown.stdout, shown.stdout
    print(f"exceeded: {', '.join(over)}; {len(events)} events")


def healthy(folder):
    run = run_of(folder, "1e-4")
    run.check_complete()
    rows = limits(run)
    assert all(row["state"] == "within" and row["value"] is not None for row in rows.values()), rows
    assert not [text for text in run.events() if text.startswith("limit ")], run.events()
    said = [line for line in run.log.read_text().splitlines() if line.startswith("limit ") or "limits exceeded" in line]
    assert not said, said
    assert "was exceeded" not in (run.run / "report.html").read_text()


def main():
    if not tiny_run_test.VOCABULARY.exists():
        print(f"skipped: {tiny_run_test.VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-limits-") as name:
        folder = pathlib.Path(name)
        try:
            exploded(folder / "exploded")
            healthy(folder / "healthy")
        except AssertionError:
            for log in folder.glob("*/run.log"):
                print(f"--- {log}\n" + "\n".join(log.read_text().splitlines()[-40:]))
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
