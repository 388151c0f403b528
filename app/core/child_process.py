"""Starts, recognises and stops processes that must not outlive the one that started them.

What they are, and in which order they come and go, is left to the supervisor and the embedded services.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

LAUNCHER = Path(__file__).with_name("launch.py")
PROC = Path("/proc")


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    ids: tuple[int, int] | None = None,
    dies_by: signal.Signals = signal.SIGTERM,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, under `ids` (uid, gid) where given.

    On Linux it gets the signal `dies_by` when the calling *thread* ends, however that happens; so call it
    from a thread that lives as long as the child may. `env` is the whole environment, not an addition to ours.
    """
    uid, gid = (str(ids[0]), str(ids[1])) if ids else ("-", "-")
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(dies_by)), uid, gid]
    return subprocess.Popen(  # noqa: S603 (the caller's own programs, no shell)
        [*launcher, *argv],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def exists(pid: int) -> bool:
    """Say whether a process has this number, be it one that has ended and that nobody has waited for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_alive(pid: int) -> bool:
    """Say whether a process with this number exists and has not ended."""
    return exists(pid) and _state(pid) != "Z"


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process, or an empty list when it is gone."""
    if PROC.is_dir():
        with suppress(OSError):
            return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        return []
    listing = subprocess.run(  # noqa: S603
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return listing.stdout.split()


def working_in(folder: Path) -> list[int]:
    """List the processes whose working directory is this folder, where the system tells (Linux)."""
    return [pid for pid in _all_pids() if _link(pid, "cwd") == str(folder)]


def wait_until(condition: Callable[[], Any], seconds: float, every: float = 0.02) -> bool:
    """Wait for a condition, and say whether it came true in time."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(every)
    return True


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Signal our child with each step's signal and wait its seconds, then kill it and its whole session."""
    for number, seconds in steps:
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    kill_session(process.pid)
    process.wait()


def stop_stranger(pid: int, *steps: tuple[signal.Signals, float]) -> None:
    """Do the same to a process that an earlier run of ours left behind."""
    for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_until(lambda: not is_alive(pid), seconds):
            return


def kill_session(leader: int) -> None:
    """Kill what is left of the session that `start` gave a child, grandchildren in other groups too."""
    for pid in _all_pids():
        if _session(pid) == leader:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    if not PROC.is_dir():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()] if PROC.is_dir() else []


def _link(pid: int, name: str) -> str | None:
    try:
        return str((PROC / str(pid) / name).readlink())
    except OSError:
        return None


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on; the command before them may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str | None:
    return next(iter(_stat(pid)), None)


def _session(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[3]) if fields else None
