"""What tests of data protection share: the small world of one hospital, by the names that they need."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.platform import Platform
from tests.support.world import build_world


@pytest.fixture
def world(bound: Callable[[str], Any], alpha: str, platform: Platform) -> SimpleNamespace:
    """Two patients of alpha with everything that is theirs; `name` and `other_name` are known again in texts."""
    with bound(alpha):
        made = build_world(alpha)
    with platform.admin(alpha) as connection:  # each test places its own
        for table in ("legal_holds", "data_requests", "breach_affected"):
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
    first, second = made.patient, made.other
    return SimpleNamespace(
        patient_id=first.patient_id,
        other_patient_id=second.patient_id,
        name=f"Bệnh {first.canary}",
        other_name=f"Bệnh {second.canary}",
        canary=first.canary,
        cccd=first.cccd,
        phone=first.phone,
        staff=made.staff,
        department_id=made.department_id,
        signed_id=first.visits["signed"],
    )
