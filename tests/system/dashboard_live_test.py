#!/usr/bin/env python3
"""Every panel of the dashboard shows data of a live run, and no alert fires on a healthy one.

Runs all stages on a tiny random model, in processes of their own as by default, with a Prometheus
beside it that scrapes what the run announces. Names each query that had no data over the run.
CHARTER_BINARY, MAKE_TINY_MODEL and CHARTER_MODEL as in tiny_run_test.py.
"""
import pathlib
import sys
import tempfile
import time

import dashboard_check
import tiny_run_test

# A larger model and more work than in the other runs: Prometheus takes up new targets every five seconds, and a process
# that lives less is never scraped.
HIDDEN = 512
LONGER = {
    "red_team_prompts = 2": "red_team_prompts = 24",
    "rounds = 1": "rounds = 2",
    "helpful_prompts = 2\nmax_new_tokens = 8": "helpful_prompts = 12\nmax_new_tokens = 48",
    "comparisons = 4": "comparisons = 40",
    "check_pairs = 2": "check_pairs = 40",
    "pmp_pairs = 2": "pmp_pairs = 24",
    "helpfulness_pairs = 2": "helpfulness_pairs = 24",
    "harmlessness_pairs = 2": "harmlessness_pairs = 24",
    "eval_pairs = 2": "eval_pairs = 24",
    "prompts = 4\nmax_new_tokens = 8": "prompts = 12\nmax_new_tokens = 48",
}


def check(folder):
    run = tiny_run_test.Run(folder, updates=40, hidden=HIDDEN)
    config = run.config.read_text()
    for short, longer in LONGER.items():
        assert config.count(short) == 1, (short, config)
        config = config.replace(short, longer)
    run.config.write_text(config)
    targets = run.run.with_name(run.run.name + ".targets.json")
    with dashboard_check.Prometheus(targets, folder) as server:
        start = time.time()
        try:
            run.start()
            assert run.wait() == 0
            run.check_complete()
        finally:
            run.end()
        total, failures = dashboard_check.failures_since(server, start)
        window = int(time.time() - start) + 60
        fired = server.get("query", query=f'count_over_time(ALERTS{{alertstate="firing"}}[{window}s])')
        failures += [f"alert {series['metric']['alertname']} fired on a healthy run" for series in fired["result"]]
        return dashboard_check.report(total, failures)


def main():
    if not tiny_run_test.VOCABULARY.exists():
        print(f"skipped: {tiny_run_test.VOCABULARY} is absent")
        return 77
    if not dashboard_check.installed():
        return 77
    dashboard_check.check_files()
    with tempfile.TemporaryDirectory(prefix="charter-dashboard-") as name:
        folder = pathlib.Path(name)
        try:
            return check(folder)
        except AssertionError:
            for log in [folder / "run.log", *folder.glob("runs/tiny/logs/*.log")]:
                if log.exists():
                    print(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-30:]))
            raise


if __name__ == "__main__":
    sys.exit(main())
