#!/usr/bin/env python3
"""Programs of the same machine that connect to a live run without holding its key.

  hostile_peer_test.py tcp          over tcp, where every local user can connect: parts without end, idle connections
                                    by the thousand; nothing of the run is readable by others, whatever the umask
  hostile_peer_test.py ipc          over ipc, with 1024 file descriptors: libzmq's ipc listener would abort without one
  hostile_peer_test.py descriptors  fewer than a run needs: one line, before anything is made

Variables and exit code as of tiny_run_test.py.
"""
import json
import os
import pathlib
import re
import resource
import socket
import stat
import subprocess
import sys
import time

import tiny_run_test as tiny

MIB = 1 << 20


def greeting(mechanism):
    """ZMTP 3.0, rfc.zeromq.org/spec/23."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def long_frame(flags, body):
    return bytes([flags | 2]) + len(body).to_bytes(8, "big") + body


READY = long_frame(4, b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER")
PART = long_frame(1, bytes(MIB))
IDLE = 1100  # connections to one socket


class LimitedRun(tiny.Run):
    """Started with these limits of open files and this umask, as a shell would set them."""

    def __init__(self, folder, files, umask=0o022, **options):
        super().__init__(folder, **options)
        self.files, self.umask = files, umask

    def start(self):
        def prepare():
            resource.setrlimit(resource.RLIMIT_NOFILE, self.files)
            os.umask(self.umask)

        with self.log.open("a") as log:
            self.process = subprocess.Popen([tiny.BINARY, "run", str(self.config)], stdout=log, stderr=log,
                                            preexec_fn=prepare)


def processes(run):
    """Process ids of the run: control, then its workers."""
    children = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) if entry.name.isdigit() else 0
        except OSError:
            continue
        if parent == run.process.pid:
            children.append(int(entry.name))
    return [run.process.pid, *children]


def listening_ports(pid):
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.append(int(fields[1].split(":")[1], 16))
    return ports


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def connect(address):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    deadline = time.monotonic() + 10
    while True:
        stranger = socket.socket(family, socket.SOCK_STREAM)
        stranger.settimeout(10)
        try:
            stranger.connect(address)
            return stranger
        except BlockingIOError:  # of AF_UNIX: the listener's queue is full
            stranger.close()
            assert time.monotonic() < deadline, f"{address} takes no connection"
            time.sleep(0.002)


def send_parts_without_end(address, mechanism, limit=256):
    """Until the other side ends the connection; how many MiB it took."""
    sent = 0
    with connect(address) as stranger:
        try:
            stranger.sendall(greeting(mechanism) + READY)
            while sent < limit:
                stranger.sendall(PART)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
    return sent


def may_open(files):
    """This test needs more of them than the run."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < files:
        print(f"skipped: {most} open files are allowed, {files} needed")
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return most


def attack(run, pid, addresses):
    """What strangers do takes little memory of the control process, and is counted, not written."""
    before = resident(pid)

    def check_memory(when):
        taken = resident(pid) - before
        assert pid != run.process.pid or taken < 64 * MIB, f"{taken // MIB} MiB more after {when}"

    events, lines = len(run.events()), len(run.log.read_text().splitlines())
    for address in addresses:
        for mechanism in (b"NULL", b"PLAIN", b"CURVE"):
            taken = send_parts_without_end(address, mechanism)
            assert taken < 64, f"{address} took {taken} MiB of {mechanism} from a stranger"
    check_memory("the parts")
    idle = [connect(address) for address in addresses[:2] for _ in range(IDLE)]  # they say nothing
    assert run.process.poll() is None, "the run ended"
    check_memory("the flood")
    for connection in idle:
        connection.close()
    assert len(run.events()) - events < 30, run.events()
    assert len(run.log.read_text().splitlines()) - lines < 100


def check_private(run):
    def mode(path):
        return stat.S_IMODE(path.lstat().st_mode)

    [memory] = pathlib.Path("/dev/shm").glob(f"charter-{run.run_id()}*")
    assert any(memory.iterdir()), "no snapshot on its way"
    wrong = [f"{path}: {mode(path):o}" for path in (run.run, memory) if mode(path) != 0o700]
    inside = [*run.run.rglob("*"), *memory.iterdir(), *run.run.parent.glob("*.targets.json")]
    assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "engine.log"} <= {path.name for path in inside}
    for path in inside:
        try:
            if not path.is_symlink() and mode(path) & 0o077:
                wrong.append(f"{path}: {mode(path):o}")
        except FileNotFoundError:
            pass  # a snapshot that was replaced meanwhile
    assert not wrong, wrong


def check_arguments(run):
    """Everybody can read the arguments of a process: nothing in them is as long as a key."""
    for pid in processes(run):
        arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert not any(re.fullmatch(rb"[0-9A-Za-z.:+=^!/*?&<>()\[\]{}@%$#-]{40}", a) for a in arguments), arguments
        assert not any(a.startswith(b"--key") for a in arguments), arguments


def over_tcp(folder):
    most = may_open(3 * IDLE)
    run = LimitedRun(folder, (48, most), umask=0, transport="tcp", updates=100)
    try:
        run.start()
        run.wait_for_version(3)
        check_private(run)
        check_arguments(run)
        targets = json.loads((run.run.parent / "tiny.targets.json").read_text())
        metrics = {int(t["targets"][0].rsplit(":", 1)[1]) for t in targets}
        for pid in processes(run):
            ports = [port for port in listening_ports(pid) if port not in metrics]
            if ports:
                attack(run, pid, [("127.0.0.1", port) for port in ports])
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def over_ipc(folder):
    may_open(3 * IDLE)
    run = LimitedRun(folder, (1024, 1024), transport="ipc", updates=100)
    try:
        run.start()
        run.wait_for_version(3)
        [links] = run.run.glob("links-*")
        sockets = sorted(str(path) for path in links.iterdir() if path.name.startswith(("record", "weights", "work")))
        assert len(sockets) == 6, sockets  # control and data of each
        attack(run, run.process.pid, sockets)
        assert run.wait() == 0
        run.check_complete()
    finally:
        run.end()


def few_descriptors(folder):
    run = LimitedRun(folder, (48, 48))
    run.start()
    assert run.wait() == 1
    lines = run.log.read_text().splitlines()
    assert len(lines) == 1 and re.fullmatch(
        r"charter: open files: at most 48 are allowed \(ulimit -Hn\), expected \d+ for this configuration", lines[0]), lines
    assert not run.run.exists()


CASES = {"tcp": over_tcp, "ipc": over_ipc, "descriptors": few_descriptors}

if __name__ == "__main__":
    tiny.CASES = CASES
    sys.exit(tiny.main())
