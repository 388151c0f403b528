"""Which tests one process runs after each other: those that look at, or change, the whole database server.

`--dist loadgroup` reads the mark from a test's id, where pytest 9.2 lets xdist 3.8 write it no more. Here the mark is
looked for in the file instead: all tests of a file that has it are one group.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadGroupScheduling

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"xdist_group\(\"([^\"]+)\"\)")


class GroupsOfFiles(LoadGroupScheduling):  # type: ignore[misc]
    """Keeps the files of a group together, and gives every other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0]) or nodeid


@cache
def group_of(path: str) -> str | None:
    """Return the group that a file names, or None."""
    file = ROOT / path
    found = MARK.search(file.read_text()) if file.suffix == ".py" and file.is_file() else None
    return found.group(1) if found else None
