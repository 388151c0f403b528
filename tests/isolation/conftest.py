"""The stage on which the gates play."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.isolation.asking import Stage, at_noon, set_stage


@pytest.fixture
def stage(app: Flask, alpha: str, beta: str) -> Iterator[Stage]:
    """Two hospitals with equal ids and everybody signed in, at noon."""
    with at_noon():
        yield set_stage(app)
