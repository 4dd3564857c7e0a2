#!/usr/bin/env python3
"""Checks the dashboard and the alert rules against a live run, through a real Prometheus.

Starts Debian's prometheus with the project's own configuration, the run's target file and a shorter
scrape interval in it. When the run has passed, every query of metrics/grafana/charter.json is asked
over the whole of it, and must have returned a finite number at some moment. Every alert expression
must evaluate, and every metric it names must have been there.

  dashboard_check.py --run-dir runs/quickstart --seconds 900   # beside a running `charter run`
  dashboard_check.py --exporter PROGRAM --seconds 12           # PROGRAM TARGETS_FILE SECONDS serves metrics

dashboard_live_test.py does it with a run of its own.

Exit code: 0 all have data, 1 the list of those without, 77 prometheus is not installed.
"""
import argparse
import json
import math
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "metrics/grafana/charter.json"
ALERTS = ROOT / "metrics/prometheus/alerts.yml"
CONFIG = ROOT / "metrics/prometheus/prometheus.yml"
SCRAPE_SECONDS = 0.5


def panel_queries(dashboard):
    """(panel title, legend, expression) of every target, rows' nested panels included."""
    panels = list(dashboard["panels"])
    for panel in panels:
        panels.extend(panel.get("panels", []))
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$run", ".*").replace("$__rate_interval", f"{int(8 * SCRAPE_SECONDS)}s")
            yield panel["title"], target.get("legendFormat", ""), expr


class Prometheus:
    """A server of our own: free port, temporary storage, ended with the block."""

    def __init__(self, targets, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        config = folder / "prometheus.yml"
        text = CONFIG.read_text()
        for line, ours in ((r"scrape_interval: \S+", f"scrape_interval: {int(1000 * SCRAPE_SECONDS)}ms"),
                           (r"evaluation_interval: \S+", "evaluation_interval: 1s"),
                           (r"- alerts\.yml", f"- {ALERTS}"),
                           (r"- files: \[[^]]*\]", f"- files: ['{targets}']"),
                           (r"refresh_interval: \S+", "refresh_interval: 1s")):
            text, found = re.subn(line, ours, text)
            assert found == 1, f"{CONFIG}: {line} occurs {found} times, expected once"
        config.write_text(text)
        self.log = folder / "prometheus.log"
        self.command = [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
        ]

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2)
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        sys.exit(f"prometheus did not start:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def get(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def had_value(self, expr, start):
        """Whether it gave a finite number at any moment from `start` to now."""
        end = time.time()
        step = max(SCRAPE_SECONDS, (end - start) / 10000)  # a query gives at most 11,000 points
        result = self.get("query_range", query=expr, start=start, end=end, step=step)["result"]
        return any(math.isfinite(float(value)) for series in result for _, value in series["values"])

    def rules(self):
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


def check_files():
    for kind, path in (("rules", ALERTS), ("config", CONFIG)):
        done = subprocess.run(["promtool", "check", kind, str(path)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"promtool check {kind} {path}:\n{done.stdout}{done.stderr}")


def failures_since(server, start):
    """What the dashboard or the alert rules asked for in vain. Returns (number of queries, failures)."""
    queries = list(panel_queries(json.loads(DASHBOARD.read_text())))
    failures = [f"panel '{title}' ({legend}): no data: {expr}"
                for title, legend, expr in queries if not server.had_value(expr, start)]
    rules = server.rules()
    for rule in rules:
        server.had_value(rule["query"], start)  # need not hold, but must evaluate
        if rule["health"] == "err":
            failures.append(f"alert {rule['name']}: {rule['lastError']}")
    names = {name for rule in rules for name in re.findall(r"\bcharter_\w+|\bup\b", rule["query"])}
    failures += [f"alert rules name {name}: no such metric" for name in sorted(names)
                 if not server.get("query", query=f"count_over_time({name}[{int(time.time() - start) + 60}s])")["result"]]
    return len(queries) + len(rules), failures


def report(total, failures):
    for failure in failures:
        print(failure)
    print(f"{total} queries and alert rules checked, {len(failures)} failures")
    return 1 if failures else 0


def installed():
    if shutil.which("prometheus") and shutil.which("promtool"):
        return True
    print("skipped: prometheus is not installed")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run-dir", help="run directory; its targets lie beside it")
    source.add_argument("--targets", help="target file of a live run")
    source.add_argument("--exporter", help="program to start as PROGRAM TARGETS_FILE SECONDS")
    parser.add_argument("--seconds", type=float, default=60, help="how long to watch")
    options = parser.parse_args()
    if not installed():
        return 77
    check_files()
    with tempfile.TemporaryDirectory(prefix="charter-dashboard-") as name:
        folder = pathlib.Path(name)
        exporter = None
        if options.exporter:
            targets = folder / "fake.targets.json"
            exporter = subprocess.Popen([options.exporter, str(targets), str(options.seconds + 30)])
        elif options.targets:
            targets = pathlib.Path(options.targets).resolve()
        else:
            run_dir = pathlib.Path(options.run_dir).resolve()
            targets = run_dir.with_name(run_dir.name + ".targets.json")
        try:
            with Prometheus(targets, folder) as server:
                start = time.time()
                time.sleep(options.seconds)
                if exporter and exporter.poll() is not None:
                    sys.exit(f"the exporter ended with code {exporter.returncode}")
                total, failures = failures_since(server, start)
        finally:
            if exporter:
                exporter.terminate()
                exporter.wait()
    return report(total, failures)


if __name__ == "__main__":
    sys.exit(main())
