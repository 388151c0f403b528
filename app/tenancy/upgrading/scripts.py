"""The hospitals' history as Alembic knows it, loaded once for every thread that runs migrations.

Alembic gives migration scripts their `op` through one place for the whole process. Here every thread has scripts of its
own, whose `op` is that thread's: the scripts are the same real revisions.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.tenancy.revisions import number_of
from app.tenancy.schema import alembic_config
from app.tenancy.upgrading.errors import NoWayDown, UnknownRevision

_own = threading.local()


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision for people: its name, what it says of itself, and whether the way back is written."""

    name: str
    title: str
    contract: bool


class Scripts:
    """The history of one thread."""

    def __init__(self) -> None:
        self._directory = ScriptDirectory.from_config(alembic_config("hospital"))
        self._scripts = {script.revision: script for script in self._directory.walk_revisions()}

    def revisions(self) -> list[Revision]:
        """Return every revision, the oldest first."""
        found = [
            Revision(name, (script.doc or "").rstrip("."), bool(getattr(script.module, "contract", False)))
            for name, script in self._scripts.items()
        ]
        return sorted(found, key=lambda one: number_of(one.name))

    def steps(self, current: str, target: str) -> Sequence[MigrationStep]:
        """Return the steps from one revision to another, up or down; raises UnknownRevision or NoWayDown."""
        for revision in (current, target):
            if revision not in self._scripts:
                raise UnknownRevision(revision)
        if number_of(target) >= number_of(current):
            return self._directory._upgrade_revs(target, current)
        for name in self._scripts:
            if number_of(target) < number_of(name) <= number_of(current):
                self._refuse_without_downgrade(name)
        try:
            return self._directory._downgrade_revs(target, current)
        except CommandError as error:
            raise UnknownRevision(target) from error

    def operate(self, context: MigrationContext) -> None:
        """Let the scripts of this thread work in a context."""
        operations = Operations(context)
        for script in self._scripts.values():
            script.module.op = operations  # type: ignore[attr-defined]

    def _refuse_without_downgrade(self, name: str) -> None:
        downgrade: Any = getattr(self._scripts[name].module, "downgrade", None)
        if downgrade is None or getattr(self._scripts[name].module, "one_way", False):
            raise NoWayDown(name)


def own_scripts() -> Scripts:
    """Return this thread's scripts."""
    found: Scripts | None = getattr(_own, "scripts", None)
    if found is None or _own.locations != _locations():
        found, _own.locations = Scripts(), _locations()
        _own.scripts = found
    return found


@cache
def list_revisions() -> tuple[Revision, ...]:
    """Return every revision of the hospitals' history, the oldest first."""
    return tuple(Scripts().revisions())


def check_target(revision: str) -> str:
    """Return a revision that this release knows; raises UnknownRevision."""
    if revision not in {one.name for one in list_revisions()}:
        raise UnknownRevision(revision)
    return revision


def between(current: str | None, target: str) -> list[Revision]:
    """Return what a hospital would get on its way up to a revision."""
    after = number_of(current) if current else 0
    return [one for one in list_revisions() if after < number_of(one.name) <= number_of(target)]


def _locations() -> str | None:
    return alembic_config("hospital").get_main_option("version_locations")
