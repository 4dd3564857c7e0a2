#!/usr/bin/env python3
"""Checks the dashboard and the alert rules against a live run, through a real Prometheus.

Starts Debian's prometheus on the run's target file with a scrape interval of one second, then asks
every query of metrics/grafana/charter.json again and again until each has returned a finite number
at least once. Every alert expression must evaluate, and every metric it names must exist.

  dashboard_check.py --run-dir runs/quickstart --timeout 900   # beside a running `charter run`
  dashboard_check.py --exporter PROGRAM                        # PROGRAM TARGETS_FILE SECONDS serves metrics

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


def panel_queries(dashboard):
    """(panel title, legend, expression) of every target, rows' nested panels included."""
    panels = list(dashboard["panels"])
    for panel in panels:
        panels.extend(panel.get("panels", []))
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$run", ".*").replace("$__rate_interval", "10s")
            yield panel["title"], target.get("legendFormat", ""), expr


class Prometheus:
    """A server of our own: free port, temporary storage, ended with the block."""

    def __init__(self, targets, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{ALERTS}']\n"
            "scrape_configs:\n"
            "  - job_name: charter\n"
            "    honor_labels: true\n"
            f"    file_sd_configs: [{{files: ['{targets}'], refresh_interval: 1s}}]\n"
        )
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

    def has_finite_value(self, expr):
        result = self.get("query", query=expr)["result"]
        return any(math.isfinite(float(series["value"][1])) for series in result)

    def rules(self):
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


def check_files():
    for kind, path in (("rules", ALERTS), ("config", CONFIG)):
        done = subprocess.run(["promtool", "check", kind, str(path)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"promtool check {kind} {path}:\n{done.stdout}{done.stderr}")


def watch(server, exporter, timeout):
    """Polls until every query had data or the time is over; returns what never had."""
    pending = list(panel_queries(json.loads(DASHBOARD.read_text())))
    total = len(pending)
    names = {name for rule in server.rules()
             for name in re.findall(r"\bcharter_\w+|\bup\b", rule["query"])}
    end = time.monotonic() + timeout
    while time.monotonic() < end and (pending or names):
        time.sleep(1)
        pending = [query for query in pending if not server.has_finite_value(query[2])]
        names = {name for name in names if not server.get("query", query=name)["result"]}
        if exporter and exporter.poll() not in (None, 0):
            sys.exit(f"the exporter ended with code {exporter.returncode}")
    failures = [f"panel '{title}' ({legend}): no data: {expr}" for title, legend, expr in pending]
    failures += [f"alert rules name {name}: no such metric" for name in sorted(names)]
    failures += [f"alert {rule['name']}: {rule['lastError']}"
                 for rule in server.rules() if rule["health"] == "err"]
    return total, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run-dir", help="run directory; its targets lie beside it")
    source.add_argument("--targets", help="target file of a live run")
    source.add_argument("--exporter", help="program to start as PROGRAM TARGETS_FILE SECONDS")
    parser.add_argument("--timeout", "--seconds", type=float, default=60, dest="timeout")
    options = parser.parse_args()
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("skipped: prometheus is not installed")
        return 77
    check_files()
    with tempfile.TemporaryDirectory(prefix="charter-dashboard-") as name:
        folder = pathlib.Path(name)
        exporter = None
        if options.exporter:
            targets = folder / "fake.targets.json"
            exporter = subprocess.Popen([options.exporter, str(targets), str(options.timeout + 10)])
        elif options.targets:
            targets = pathlib.Path(options.targets).resolve()
        else:
            run_dir = pathlib.Path(options.run_dir).resolve()
            targets = run_dir.with_name(run_dir.name + ".targets.json")
        try:
            with Prometheus(targets, folder) as server:
                total, failures = watch(server, exporter, options.timeout)
        finally:
            if exporter:
                exporter.terminate()
                exporter.wait()
    for failure in failures:
        print(failure)
    print(f"{total} queries checked, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
