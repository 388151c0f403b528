"""What gunicorn does for every way of starting it: a folder in which all of its processes keep their figures.

Each master has a folder of its own, so that two servers over one VAR_DIR do not count each other's requests; those of
masters that are gone are removed at start.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

FOLDERS = Path(os.environ.get("VAR_DIR", "var")).resolve() / "metrics"


def _is_alive(name: str) -> bool:
    try:
        os.kill(int(name), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True


def _prepare() -> None:
    own = FOLDERS / str(os.getpid())
    own.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS.iterdir():
        if folder != own and not _is_alive(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a process that has ended; what it counted stays counted."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


_prepare()
