"""Booking, signing, syncing and isolation through the pooler: the same tests as without it, run again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.factories import make_patient
from tests.integration.appointments.test_booking import *  # noqa: F403
from tests.integration.jobs.test_outbox import *  # noqa: F403
from tests.integration.jobs.test_sync import *  # noqa: F403
from tests.integration.records.test_signed_is_final import *  # noqa: F403
from tests.integration.web.test_units import *  # noqa: F403
from tests.isolation.test_load import *  # noqa: F403

pytestmark = pytest.mark.pgbouncer


@pytest.fixture
def hospitals(bound: Any, alpha: str, beta: str) -> tuple[str, ...]:
    """The two hospitals that the pooler knows, instead of four."""
    for code in (alpha, beta):
        with bound(code):
            make_patient(full_name=CANARIES[code])  # noqa: F405
    return alpha, beta


@pytest.fixture
def sabotage() -> Counter[str]:
    """Nothing: it would hit the pooler's own connections."""
    return Counter()


# It asks at once after a database has come back, when a pooler goes on refusing for a moment: see test_pooler.py.
del test_a_change_is_committed_though_the_centre_is_away  # noqa: F821
