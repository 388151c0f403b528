"""Becomes another program: gives up root where asked, ties its life to its starter's, executes.

A script of its own, run by path with the standard library only, so that starting a child needs no Python code
between fork and exec. Everything about children that is not this moment belongs to `child_process`.
"""

import os
import shutil
import signal
import sys

try:
    import ctypes  # here and not where it is used: without root, Python's own library may be out of reach
except ImportError:
    ctypes = None  # type: ignore[assignment]

PR_SET_PDEATHSIG = 1


def give_up_root(uid: int, gid: int) -> None:
    """Become an ordinary account for good, with that account's group alone."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(starter: int, signal_number: int) -> None:
    """Have the kernel signal this process when its starter dies; leave at once if it is dead already."""
    if sys.platform == "linux" and ctypes is not None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != starter:
        sys.exit("the process that started this one is gone")


def main() -> None:
    """Read starter, signal, uid and gid (or -) from the command line and become the rest of it."""
    starter, signal_number, uid, gid, *argv = sys.argv[1:]
    program = shutil.which(argv[0]) or argv[0]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if uid != "-":
        give_up_root(int(uid), int(gid))
    die_with(int(starter), int(signal_number))  # after giving up root: changing the account clears it
    try:
        os.execv(program, argv)  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
