"""What was granted before a restore is granted no more: it may have been ended after the backup was made."""

from __future__ import annotations

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.support.models import SupportGrant, SupportSession
from app.tenancy.models.support import SupportState
from app.tenancy.restores.hooks import Restored


def end_support(_restored: Restored) -> dict[str, int]:
    """End support access and every visit; operators ask anew."""
    found = sa.select(sa.func.to_regclass(SupportGrant.__tablename__))
    if db.session.scalar(found, bind_arguments={"mapper": SupportGrant}) is None:
        return {}  # a backup of an earlier release
    now = clock.now()
    grants = (
        sa.update(SupportGrant)
        .where(SupportGrant.state.in_((SupportState.ASKED, SupportState.GRANTED)))
        .values(state=SupportState.ENDED, ended_at=now, ended_by="hospital", version=SupportGrant.version + 1)
    )
    visits = sa.update(SupportSession).where(SupportSession.ended_at.is_(None)).values(ended_at=now)
    ended = len(db.session.execute(grants.returning(SupportGrant.id)).all())
    db.session.execute(visits)
    return {"support_ended": ended}
