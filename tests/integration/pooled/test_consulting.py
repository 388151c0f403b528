"""A doctor's consultation, from the browser to the signed record, through the pooler."""

from __future__ import annotations

import pytest

from tests.integration.hospital.conftest import consultation, ten_o_clock, unhurried, visit
from tests.integration.hospital.test_consultation import *  # noqa: F403

__all__ = ["consultation", "ten_o_clock", "unhurried", "visit"]

pytestmark = pytest.mark.pgbouncer
