"""The stage on which the gates play, and the table at the end of `make isolation`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.isolation import figures
from tests.isolation.asking import Stage, at_noon, set_stage
from tests.support.platform import Platform
from tests.support.world_platform import take_rule_away


@pytest.fixture
def stage(app: Flask, platform: Platform, alpha: str, beta: str) -> Iterator[Stage]:
    """Two hospitals with equal ids and everybody signed in, at noon."""
    with at_noon():
        try:
            yield set_stage(app, everybody=figures.LONG)
        finally:
            take_rule_away(platform)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was covered, where it was asked for."""
    if figures.LONG:
        told = figures.told(report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, []))
        terminalreporter.write_sep("=", "proof of isolation")
        for line in figures.table(told):
            terminalreporter.write_line(line)
