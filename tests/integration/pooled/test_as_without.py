"""Booking, signing, syncing and isolation through the pooler: the same tests as without it, run again."""

from __future__ import annotations

import pytest

from tests.integration.appointments.test_booking import *  # noqa: F403
from tests.integration.jobs.test_outbox import *  # noqa: F403
from tests.integration.jobs.test_sync import *  # noqa: F403
from tests.integration.records.test_signed_is_final import *  # noqa: F403
from tests.integration.web.test_units import *  # noqa: F403
from tests.isolation.test_load import *  # noqa: F403

pytestmark = pytest.mark.pgbouncer

# It asks at once after a database has come back, when a pooler goes on refusing for a moment: see test_pooler.py.
del test_a_change_is_committed_though_the_centre_is_away  # noqa: F821
