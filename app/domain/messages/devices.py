"""The browsers in which a patient is told of messages: switched on and off by the patient alone."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.outbound import check_url
from app.domain.audit.operations import record_change
from app.domain.identity.devices import describe_device
from app.domain.messages.models import PushSubscription
from app.domain.messages.ways import present_settings

MOST = 10
LONGEST_ENDPOINT = 1000
POINT_BYTES, SECRET_BYTES = 65, 16
LETTERS = re.compile(r"[A-Za-z0-9_-]{1,200}={0,2}\Z")


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that is told of messages."""

    id: UUID
    device: str
    created_at: datetime
    last_used_at: datetime | None


def list_devices(account_id: UUID) -> Sequence[Device]:
    """Return the browsers that an account is told in, the newest first."""
    table = PushSubscription
    query = (
        sa.select(table.id, table.device, table.created_at, table.last_used_at)
        .where(table.patient_user_id == account_id)
        .order_by(table.created_at.desc())
        .limit(MOST)
    )
    return [Device(*row) for row in db.session.execute(query)]


def list_endpoints(account_id: UUID) -> Sequence[str]:
    """Return where an account's browsers are reached."""
    query = sa.select(PushSubscription.endpoint).where(PushSubscription.patient_user_id == account_id)
    return db.session.scalars(query.limit(MOST)).all()


def switch_on(
    actor: Actor, account_id: UUID, patient_id: UUID, *, endpoint: str, p256dh: str, auth: str, user_agent: str | None
) -> None:
    """Have an account told in one more browser; the same browser again takes the place of itself.

    Raises RefusedAddress or InvalidValue for what no browser would say.
    """
    if len(endpoint) > LONGEST_ENDPOINT or not endpoint.isascii():
        raise InvalidValue
    check_url(endpoint, allow_private=present_settings().private_gateways)
    _check_keys(p256dh, auth)
    table = PushSubscription
    statement = insert(table).values(
        id=new_id(),
        patient_user_id=account_id,
        endpoint=endpoint,
        p256dh=p256dh,
        auth=auth,
        device=str(describe_device(user_agent))[:200],
        created_at=clock.now(),
    )
    again = statement.on_conflict_do_update(
        index_elements=["patient_user_id", "endpoint"],
        set_={"p256dh": statement.excluded.p256dh, "auth": statement.excluded.auth},
    )
    device_id = db.session.execute(again.returning(table.id)).scalar_one()
    newest = sa.select(table.id).where(table.patient_user_id == account_id).order_by(table.created_at.desc())
    db.session.execute(
        sa.delete(table)
        .where(table.patient_user_id == account_id, table.id.not_in(newest.limit(MOST)))
        .execution_options(synchronize_session=False)
    )
    record_change(actor, "push.switch_on", subject_type="push_subscription", subject_id=device_id,
                  patient_id=patient_id)  # fmt: skip


def switch_off(
    actor: Actor, account_id: UUID, patient_id: UUID, *, device_id: UUID | None = None, endpoint: str | None = None
) -> None:
    """Have an account told no more in one browser, named by its row or by the browser itself.

    Once is as good as twice for a browser that names itself; a row that is not the account's raises NotFound.
    """
    table = PushSubscription
    which = table.id == device_id if device_id is not None else table.endpoint == (endpoint or "")
    statement = sa.delete(table).where(table.patient_user_id == account_id, which).returning(table.id)
    found = list(db.session.scalars(statement.execution_options(synchronize_session=False)))
    if not found and device_id is not None:
        raise NotFound
    for one in found:
        record_change(actor, "push.switch_off", subject_type="push_subscription", subject_id=one,
                      patient_id=patient_id)  # fmt: skip


def _check_keys(p256dh: str, auth: str) -> None:
    problem = InvalidValue(_l("This browser's answer cannot be used. Switch notifications on once more."))
    point, secret = _decoded(p256dh), _decoded(auth)
    if point is None or secret is None or len(point) != POINT_BYTES or len(secret) != SECRET_BYTES:
        raise problem
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise problem from None


def _decoded(text: str) -> bytes | None:
    if not LETTERS.match(text):
        return None
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
