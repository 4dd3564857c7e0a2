"""Programs that the system tests start: one that stalls says what its threads are at and what it has written."""
import os
import pathlib
import signal
import subprocess


def processes(belongs):
    """Process id and arguments of every process whose arguments satisfy `belongs`."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if belongs(arguments):
            yield int(entry.name), arguments


def threads(process):
    """What every thread of a process is at, as the kernel sees it: a line each."""
    lines = []
    for task in sorted(pathlib.Path(f"/proc/{process}/task").iterdir()):
        try:
            state = (task / "status").read_text().split("State:\t")[1].splitlines()[0]
            lines.append(f"  {(task / 'comm').read_text().strip()}: {state}, in {(task / 'wchan').read_text()}")
        except OSError:  # it ended meanwhile
            pass
    return "\n".join(lines)


def group_of(process):
    try:
        return os.getpgid(process)
    except ProcessLookupError:  # it ended meanwhile
        return None


def run_program(arguments, timeout):
    """subprocess.run with what was written captured as text; at a timeout it tells before it raises."""
    arguments = [str(argument) for argument in arguments]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          start_new_session=True) as program:
        try:
            out, err = program.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            at = "\n".join(f"{' '.join(arguments)}\n{threads(process)}" for process, arguments in processes(lambda _: True)
                           if group_of(process) == program.pid)
            os.killpg(program.pid, signal.SIGKILL)
            out, err = program.communicate()
            print(f"{' '.join(arguments)} has not ended in {timeout} s; its threads:\n{at}\nit wrote:\n{(out + err)[-4000:]}")
            raise
    return subprocess.CompletedProcess(arguments, program.returncode, out, err)
