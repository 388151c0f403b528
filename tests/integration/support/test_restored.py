"""A restore brings no support access back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from app.core.db import db
from app.domain.support.models import SupportGrant
from app.domain.support.restored import end_support
from app.tenancy.models import SupportState
from tests.integration.support.conftest import HOSPITAL


def test_support_access_of_a_backup_is_over(ask: Any, grant: Any, go_in: Any, bound: Any, alpha: str) -> None:
    support_id = ask()
    grant(support_id)
    visitor = go_in(support_id)
    with bound(alpha):
        assert end_support(object()) == {"support_ended": 1}  # type: ignore[arg-type]
    assert visitor.get(f"{HOSPITAL}/support/welcome").status_code == 303
    with bound(alpha):
        found = db.session.get_one(SupportGrant, support_id)
        assert (found.state, found.version) == (SupportState.ENDED, 3)
        assert isinstance(found.ended_at, datetime)
        assert db.session.get(SupportGrant, uuid4()) is None
