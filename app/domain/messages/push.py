"""Web push (RFC 8030, 8291): telling a patient's browsers that there is a message. What it says stays in the portal."""

from __future__ import annotations

import enum
import hashlib
import http.client
import json
from collections.abc import Callable, Sequence
from uuid import UUID

import sqlalchemy as sa
from pywebpush import WebPusher, WebPushException

from app.core import clock
from app.core.ids import parse_id
from app.core.logging import get_logger
from app.core.outbound import RefusedAddress, check_url, connect, exchange, target_of
from app.core.unit_of_work import unit_of_work
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.models import MessageState, PushSubscription
from app.domain.messages.vapid import authorise
from app.domain.messages.ways import present_settings

log = get_logger(__name__)

TIMEOUT_SECONDS = 10.0
KEPT_SECONDS = 12 * 3600  # how long a push service keeps it for a browser that is away
NOTICE = {"vi": "Bạn có một tin nhắn mới từ bệnh viện.", "en": "You have a new message from your hospital."}
NO_DEVICE = "no device takes notifications any more"


class _Answer(enum.Enum):
    ACCEPTED = "accepted"
    LATER = "later"
    UNKNOWN = "unknown"
    GONE = "gone"
    REFUSED = "refused"


class WebPush:
    """The push services of the browsers' makers. A message is sent where one of a patient's browsers was reached."""

    name = "push"

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Tell every browser of an account; those that are gone are forgotten."""
        subscriptions = _subscriptions_of(letter.recipient)
        committed = False

        def commit_once() -> None:
            nonlocal committed
            if not committed:
                commit()
                committed = True

        answers = {one.id: _notify(one, letter, commit_once) for one in subscriptions}
        _tidy(answers)
        found = set(answers.values())
        if _Answer.ACCEPTED in found:
            return Outcome(MessageState.SENT, provider_id=topic_of(letter), cost=0)
        if _Answer.UNKNOWN in found:
            return Outcome(MessageState.UNKNOWN, error="no answer from the push service")
        if _Answer.LATER in found:
            return Outcome(MessageState.QUEUED, error="no push service answers")
        return Outcome(MessageState.FAILED, error=NO_DEVICE)


def topic_of(letter: Letter) -> str:
    """Return by what a push service knows a repetition: the later one replaces the one that waits."""
    return hashlib.sha256(letter.reference.encode()).hexdigest()[:32]


def _subscriptions_of(recipient: str) -> Sequence[PushSubscription]:
    account = parse_id(recipient)
    if account is None:
        return ()
    with unit_of_work() as session:
        found = session.scalars(sa.select(PushSubscription).where(PushSubscription.patient_user_id == account)).all()
        session.expunge_all()
    return found


def _notify(subscription: PushSubscription, letter: Letter, commit: Callable[[], None]) -> _Answer:
    """Tell one browser. What is sent holds nothing of the patient and nothing of the message."""
    allow_private = present_settings().private_gateways
    text = json.dumps({"body": NOTICE.get(letter.locale, NOTICE["vi"])}, ensure_ascii=False)
    try:
        parts = check_url(subscription.endpoint, allow_private=allow_private)
        keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
        sealed = WebPusher({"endpoint": subscription.endpoint, "keys": keys}).encode(text.encode())["body"]
        connection = connect(subscription.endpoint, allow_private=allow_private, timeout=TIMEOUT_SECONDS)
    except (RefusedAddress, WebPushException, ValueError):
        return _Answer.GONE  # its address or keys are of no use to anybody
    except OSError:
        return _Answer.LATER
    headers = {
        **authorise(f"{parts.scheme}://{parts.netloc}"),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEPT_SECONDS),
        "Topic": topic_of(letter),
        "Urgency": "normal",
    }
    try:
        commit()
        status = exchange(connection, "POST", target_of(parts), headers, bytes(sealed)).status
    except (OSError, http.client.HTTPException):
        return _Answer.UNKNOWN
    finally:
        connection.close()
    return _meaning(status)


def _meaning(status: int) -> _Answer:
    if 200 <= status < 300:
        return _Answer.ACCEPTED
    if status in (404, 410):
        return _Answer.GONE
    if status in (429, 503) or 300 <= status < 400:
        return _Answer.LATER
    log.warning("push refused", status=status)
    return _Answer.UNKNOWN if status >= 500 else _Answer.REFUSED


def _tidy(answers: dict[UUID, _Answer]) -> None:
    gone = [key for key, answer in answers.items() if answer is _Answer.GONE]
    used = [key for key, answer in answers.items() if answer is _Answer.ACCEPTED]
    if not gone and not used:
        return
    table = PushSubscription
    with unit_of_work() as session:
        unsynchronised = {"synchronize_session": False}
        session.execute(sa.delete(table).where(table.id.in_(gone)).execution_options(**unsynchronised))
        session.execute(
            sa.update(table)
            .where(table.id.in_(used))
            .values(last_used_at=clock.now())
            .execution_options(**unsynchronised)
        )
