"""Which revisions of a hospital's schema the running code serves.

During a fleet migration hospitals are at different revisions, and during a release old and new code run beside each
other. Revisions are numbered (`h001`, `h002`, …), so that this costs a request nothing. What is newer than the code
knows is served: migrations only expand, and what contracts comes a release later.
"""

from __future__ import annotations

import re
from functools import cache

OLDEST_SERVED = "h022"
NUMBERED = re.compile(r"[hc](\d{3,})")


@cache
def number_of(revision: str) -> int:
    """Return the place of a revision in its history; raises ValueError for a name that says none."""
    found = NUMBERED.fullmatch(revision)
    if found is None:
        raise ValueError(f"{revision!r} is not a numbered revision")
    return int(found.group(1))


def is_at_least(revision: str | None, wanted: str) -> bool:
    """Tell whether a hospital has what came with a revision; one whose revision nobody has read yet is trusted."""
    return revision is None or number_of(revision) >= number_of(wanted)


def is_served(revision: str | None) -> bool:
    """Tell whether the running code fits a hospital at this revision."""
    return is_at_least(revision, OLDEST_SERVED)
