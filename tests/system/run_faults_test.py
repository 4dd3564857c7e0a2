#!/usr/bin/env python3
"""What a run meets while it goes on: files taken away, a full disk, a lost terminal, ports and shared memory in use.

  run_faults_test.py ledger-away     the ledger is moved away in rl and comes back: the run waits, and goes on
  run_faults_test.py directory-away  the same with the whole run directory
  run_faults_test.py ledger-gone     the ledger is removed in rl: one line, and the same command goes on with all of it
  run_faults_test.py directory-gone  the run directory is removed in rl: one line
  run_faults_test.py term-away       SIGTERM while the ledger is away is not kept waiting
  run_faults_test.py term-unjoined   SIGTERM while a worker cannot join is not kept waiting
  run_faults_test.py disk-full       the last line says what was full
  run_faults_test.py hup-terminal    the terminal is gone: the run drains; the same command goes on
  run_faults_test.py hup-other       a SIGHUP with the terminal there, or without one, is an event without effect
  run_faults_test.py hup-ignored     a SIGHUP under nohup is nothing
  run_faults_test.py ports           a fixed port: the workers take the next ones
  run_faults_test.py no-port         a worker that dies before it joins has its last line quoted
  run_faults_test.py long-path       every length of path around the longest that holds the sockets
  run_faults_test.py shm-small       /dev/shm too small from the start: an event, and the run directory serves
  run_faults_test.py shm-fills       /dev/shm fills up in rl: the same

Environment and exit codes as in tiny_run_test.py; also 77 where mounting is not permitted.
"""
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tiny_run_test import BINARY, RUN_SECONDS, VOCABULARY, Run

PATIENCE = 30  # seconds for which a run waits for its ledger
MEBIBYTE = 1 << 20


class Skipped(Exception):
    pass


class Mounted(Run):
    """A run in a mount namespace of its own, in which `mount` (shell text) was done before."""

    def __init__(self, folder, mount, **options):
        super().__init__(folder, **options)
        self.mount = mount
        allowed = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
        if allowed.returncode != 0:
            raise Skipped("unshare -m is not permitted")

    def start(self):
        script = f'{self.mount} && exec "$@"'
        with self.log.open("a") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "sh", BINARY, "run", str(self.config)],
                                            stdout=log, stderr=log)

    def inside(self, path):
        return pathlib.Path(f"/proc/{self.process.pid}/root{path}")


def fill(path):
    """Until there is no room left."""
    with open(path, "wb", buffering=0) as file:
        size = MEBIBYTE
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2


def last_line(run):
    return run.log.read_text().splitlines()[-1]


def goes_on(run):
    run.start()
    assert run.wait() == 0
    run.check_complete()


def ledger_away(folder):
    run = Run(folder, updates=12)
    try:
        run.start()
        run.wait_for_version(3)
        (run.run / "ledger.sqlite").rename(folder / "aside")
        time.sleep(4)
        (folder / "aside").rename(run.run / "ledger.sqlite")
        assert run.wait() == 0
        run.check_complete()
        assert any("No such file or directory; passed after" in event for event in run.events()), run.events()
    finally:
        run.end()


def directory_away(folder):
    run = Run(folder, updates=12)
    try:
        run.start()
        run.wait_for_version(3)
        run.run.rename(folder / "aside")
        time.sleep(4)
        (folder / "aside").rename(run.run)
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def ends_with_one_line(run, seconds):
    """Within so many seconds, with a cause on the last line, and without the words of a crash."""
    began = time.monotonic()
    assert run.process.wait(timeout=RUN_SECONDS) == 1
    assert time.monotonic() - began < seconds, time.monotonic() - began
    log = run.log.read_text()
    assert "terminate called" not in log and "core dumped" not in log, log
    assert last_line(run).startswith("charter: rl: ") and "No such file or directory" in last_line(run), last_line(run)


def ledger_gone(folder):
    run = Run(folder, updates=100)
    try:
        run.start()
        run.wait_for_version(3)
        for suffix in ("", "-wal", "-shm"):
            (run.run / f"ledger.sqlite{suffix}").unlink()
        ends_with_one_line(run, PATIENCE + 60)
        ledger = run.run / "ledger.sqlite"
        assert f"ledger/0 died: handling Tick: ledger {ledger}: No such file" in last_line(run), last_line(run)
        assert last_line(run).endswith(f"what it held is in {ledger}"), last_line(run)
        run.check_nothing_left()
        versions = run.query("SELECT max(version) FROM versions WHERE model = 'policy'")
        assert versions[0][0] >= 3, versions
        goes_on(run)
    finally:
        run.end()


def directory_gone(folder):
    run = Run(folder, updates=100)
    try:
        run.start()
        run.wait_for_version(3)
        while run.run.exists():  # the run makes files while they are removed
            shutil.rmtree(run.run, ignore_errors=True)
        ends_with_one_line(run, PATIENCE + 60)
    finally:
        run.end()


def term_away(folder):
    run = Run(folder, updates=100)
    try:
        run.start()
        run.wait_for_version(3)
        run.run.rename(folder / "aside")
        time.sleep(2)
        run.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert run.wait() in (1, 130)
        assert time.monotonic() - began < PATIENCE + 15, time.monotonic() - began
        (folder / "aside").rename(run.run)
        goes_on(run)
    finally:
        run.end()


def term_unjoined(folder):
    run = Run(folder)
    try:
        run.start()
        os.kill(run.wait_for_worker("engine", "sl_generate"), signal.SIGSTOP)  # before it has said hello
        time.sleep(1)
        run.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert run.wait() == 130
        assert time.monotonic() - began < 10, time.monotonic() - began
        run.check_nothing_left()
    finally:
        run.end()


def disk_full(folder):
    disk = folder / "runs"
    disk.mkdir()
    run = Mounted(folder, f"mount -t tmpfs -o size=256m tmpfs {disk}", updates=100, machine="max_restarts = 2")
    run_in_sight = run.run
    try:
        run.start()
        deadline = time.monotonic() + RUN_SECONDS
        run.run = run.inside(run_in_sight)
        while not run.query("SELECT 1 FROM versions WHERE model = 'policy' AND version >= 3"):
            assert run.process.poll() is None and time.monotonic() < deadline, "the run ended before its disk was full"
            time.sleep(0.05)
        fill(run.inside(disk) / "full")
        began = time.monotonic()
        assert run.wait() == 1
        assert time.monotonic() - began < PATIENCE + 90, time.monotonic() - began
        last = last_line(run)
        assert last.startswith("charter: rl: ") and not last.startswith("charter: rl: ;"), last
        assert "No space left on device" in last or "disk is full" in last, last
    finally:
        run.end()


def on_terminal(run, disturb):
    """The run as leader of a terminal's session. disturb(terminal) is called in rl. Returns its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        with run.log.open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            os.execv(BINARY, [BINARY, "run", str(run.config)])
    deadline = time.monotonic() + RUN_SECONDS
    try:
        while not run.query("SELECT 1 FROM versions WHERE model = 'policy' AND version >= 3"):
            assert time.monotonic() < deadline, "no policy version 3"
            time.sleep(0.02)
        disturb(pid, terminal)
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        raise AssertionError("the run did not end")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def hup_terminal(folder):
    run = Run(folder, updates=100)
    try:
        code = on_terminal(run, lambda pid, terminal: os.close(terminal))
        assert code == 130, code
        assert "info: SIGHUP: the terminal is gone; stopping" in [f"{level}: {text}" for level, text in run.query(
            "SELECT level, text FROM events")], run.events()
        assert any(path.name.startswith("ckpt-") for path in (run.run / "checkpoints/policy").iterdir())
        run.check_nothing_left()
        goes_on(run)
    finally:
        run.end()


def hup_other(folder):
    run = Run(folder, updates=12)
    try:
        assert on_terminal(run, lambda pid, terminal: os.kill(pid, signal.SIGHUP)) == 0
        run.check_complete()
        assert run.events().count("SIGHUP: without effect") == 1, run.events()
    finally:
        run.end()
    shutil.rmtree(run.run)
    with run.log.open("a") as log:  # without a terminal, and to every process of the job
        run.process = subprocess.Popen([BINARY, "run", str(run.config)], stdout=log, stderr=log, start_new_session=True)
    try:
        run.wait_for_version(3)
        for pid in (run.process.pid, run.worker("engine"), run.worker("trainer")):
            os.kill(pid, signal.SIGHUP)
        assert run.wait() == 0
        run.check_complete()
        assert run.events().count("SIGHUP: without effect") == 1, run.events()
        assert not any("ended (" in event for event in run.events()), run.events()
    finally:
        run.end()


def hup_ignored(folder):
    run = Run(folder, updates=12)
    try:
        with run.log.open("a") as log:
            run.process = subprocess.Popen(["nohup", BINARY, "run", str(run.config)], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log)
        run.wait_for_version(3)
        run.process.send_signal(signal.SIGHUP)
        assert run.wait() == 0
        run.check_complete()
        assert not any("SIGHUP" in event for event in run.events()), run.events()
    finally:
        run.end()


def with_metrics(run, address):
    run.config.write_text(run.config.read_text() + f'[metrics]\naddress = "{address}"\n')


def ports(folder):
    run = Run(folder, updates=12)
    port = 20000 + os.getpid() % 20000
    with_metrics(run, f"localhost:{port}")
    try:
        run.start()
        run.wait_for_version(1)
        targets = json.loads((folder / "runs/tiny.targets.json").read_text())
        found = {group["labels"]["process"]: group["targets"][0] for group in targets}
        assert found["control"] == f"127.0.0.1:{port}", found
        assert set(found) == {"control", "engine", "trainer"} and len(set(found.values())) == 3, found
        assert all(port < int(found[name].split(":")[1]) < port + 256 for name in ("engine", "trainer")), found
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def no_port(folder):
    run = Run(folder, machine="max_restarts = 0")
    with_metrics(run, "127.0.0.1:65535")  # there is none after it
    try:
        run.start()
        assert run.wait() == 1
        expected = ("charter: sl_generate: engine ended (exit code 1); its log ends: charter: metrics address "
                    "127.0.0.1:65535 and the 255 ports after it: in use")
        assert last_line(run).startswith(expected), last_line(run)
        stage = run.stage("sl_generate", run.status())
        assert stage["reason"] in last_line(run) and stage["reason"], stage
        assert any("its log ends: charter: metrics address" in event for event in run.events()), run.events()
    finally:
        run.end()


def long_path(folder):
    """The run directory has 76, 78, 80 and 90 bytes; what is bound in rl has a fixed length more."""
    for length in (76, 78, 80, 90):
        base = pathlib.Path(tempfile.mkdtemp(prefix="r", dir=folder))
        missing = length - len(str(base / "runs/tiny")) - 1
        assert missing > 0, base
        run = Run(base.joinpath("x" * missing) if base.joinpath("x" * missing).mkdir() is None else base)
        assert len(str(run.run)) == length, run.run
        try:
            goes_on(run)
        finally:
            run.end()
        shutil.rmtree(base)


def shm_small(folder):
    run = Mounted(folder, "mount -t tmpfs -o size=16k tmpfs /dev/shm")
    try:
        run.start()
        assert run.wait() == 0
        run.check_complete()
        assert any(event.startswith("/dev/shm has 0.0 MiB free, the snapshots of rl take up to") for event in run.events()), run.events()
    finally:
        run.end()


def shm_fills(folder):
    run = Mounted(folder, "mount -t tmpfs -o size=64m tmpfs /dev/shm", updates=12)
    try:
        run.start()
        run.wait_for_version(3)
        fill(run.inside("/dev/shm/full"))
        assert run.wait() == 0
        run.check_complete()
        assert any("has no room for a snapshot; what does not fit there lies in" in event for event in run.events()), run.events()
    finally:
        run.end()


CASES = {
    "ledger-away": ledger_away,
    "directory-away": directory_away,
    "ledger-gone": ledger_gone,
    "directory-gone": directory_gone,
    "term-away": term_away,
    "term-unjoined": term_unjoined,
    "disk-full": disk_full,
    "hup-terminal": hup_terminal,
    "hup-other": hup_other,
    "hup-ignored": hup_ignored,
    "ports": ports,
    "no-port": no_port,
    "long-path": long_path,
    "shm-small": shm_small,
    "shm-fills": shm_fills,
}


def main():
    case = CASES[sys.argv[1]]
    if not VOCABULARY.exists():
        print(f"skipped: {VOCABULARY} is absent")
        return 77
    with tempfile.TemporaryDirectory(prefix="charter-") as name:
        folder = pathlib.Path(name)
        started = time.monotonic()
        try:
            case(folder)
        except Skipped as why:
            print(f"skipped: {why}")
            return 77
        except (AssertionError, subprocess.SubprocessError) as failure:
            print(f"{sys.argv[1]}: {failure}")
            for log in [*folder.glob("**/run.log"), *sorted(folder.glob("**/logs/*.log"))]:
                print(f"---- {log.name}\n{log.read_text()[-4000:]}")
            return 1
        print(f"{sys.argv[1]}: held, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
