"""Write proposals of lines for routes that the matrix does not have: `python -m tests.isolation.draft [--anew PATH…]`.

A proposal says what the application answers today, which is not yet what it ought to answer: somebody must read it and
take the question mark away. Lines of routes that are gone are taken out. `--anew` drafts lines again whose address
begins so; what is said of the route in words is kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from argon2 import PasswordHasher

from app.core.embedded import remove, start_services
from app.domain.identity import passwords
from tests.isolation.asking import at_noon, observe, routes, set_stage, undone
from tests.isolation.lines import UNREVIEWED, read_matrix, write_matrix
from tests.support.platform import Platform
from tests.support.servers import Servers


def main() -> int:
    """Draft what is missing; the exit code is 1 where something is to be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anew", nargs="*", default=[], metavar="PATH", help="addresses to be drafted again")
    anew = tuple(parser.parse_args().anew)
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with servers() as found:
        platform = Platform(found, "draft15")
        try:
            return draft(platform, anew)
        finally:
            platform.reset()
            platform.close()


def draft(platform: Platform, anew: tuple[str, ...]) -> int:
    """Ask every route that has no line, or whose line is wanted anew, and write the lines down."""
    lines, drafted = read_matrix(), 0
    there = {(method, rule.rule) for rule, method in routes(platform.app)}
    with at_noon():
        stage = set_stage(platform.app)
        with undone():
            for rule, method in routes(platform.app):
                kept = lines.get((method, rule.rule))
                if kept is not None and not (anew and rule.rule.startswith(anew)):
                    continue
                try:
                    found = observe(stage, rule, method)
                except AssertionError as error:
                    print(f"{method} {rule.rule}: {error}", file=sys.stderr)
                    continue
                found = replace(found, what=kept.what.lstrip(f"{UNREVIEWED} ") if kept else found.what)
                if found == kept:
                    continue
                lines[found.key] = replace(found, what=f"{UNREVIEWED} {found.what}")
                drafted += 1
                print(f"{method} {rule.rule}: {found.may} | others {found.others_of_portal}")
    for wrong in [*(f"LEAK: {leak}" for leak in stage.leaks), *stage.failures]:
        print(wrong, file=sys.stderr)
    gone = [key for key in lines if key not in there]
    write_matrix(line for key, line in lines.items() if key in there)
    print(f"{drafted} lines drafted, {len(gone)} taken out, {stage.requests} requests. Now read them in matrix.csv.")
    return int(bool(drafted or stage.leaks or stage.failures))


@contextmanager
def servers() -> Iterator[Servers]:
    """Give the servers that the tests would use, or embedded ones."""
    if "TEST_DATABASE_URL" in os.environ:
        yield Servers(os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"])
        return
    folder = Path(tempfile.mkdtemp(prefix="vien-draft-"))
    with start_services(folder, fast=True) as services:
        yield Servers(services.admin_database_url, services.redis_url)
    remove(folder)


if __name__ == "__main__":
    sys.exit(main())
