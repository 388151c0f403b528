"""One visit of the relay to a hospital: places in line, its own consumers, then the centre.

Each stands for itself: while the centre is away the hospital's own consumers hear all the same, and a consumer that
fails keeps nobody else from hearing.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.consumers import Consumer, find_consumer
from app.domain.audit.delivery import SINCE, Poison, deliver_to, has_undelivered, list_concerned, pass_by
from app.domain.audit.outbox import place_events
from app.domain.centre.sync import has_news, synchronise
from app.tenancy.binding import bind_hospital, has_revision
from app.tenancy.dead_letters import put_dead_letter
from app.tenancy.models import LetterSource

log = get_logger(__name__)

AT_ONCE = 1_000
GIVEN_UP = "poison"


def has_work() -> bool:
    """Where events wait for the centre or for a consumer, or nothing was heard for five minutes."""
    return has_undelivered() or has_news()


def relay_events(code: str) -> int:
    """Carry what waits in a hospital to everybody who is to hear it; return how many events the centre was told.

    Raises what kept the centre from hearing, after the hospital's own consumers have heard.
    """
    for poison in _tell_consumers(code):
        _give_up(code, poison)
    return synchronise(code, place=False)


def _tell_consumers(code: str) -> list[Poison]:
    """Give all events their places and tell the hospital's own consumers; return what these will never stand."""
    concerned: list[Consumer] = []
    with bind_hospital(code):
        whole = False
        while not whole:
            with unit_of_work():
                whole = place_events(AT_ONCE) < AT_ONCE
                if whole and has_revision(SINCE):
                    concerned = list_concerned()
        told = [_tell(consumer) for consumer in concerned]
    return [poison for poison in told if poison is not None]


def _tell(consumer: Consumer) -> Poison | None:
    try:
        return deliver_to(consumer)[1]
    except DBAPIError as error:
        log.warning("consumer not told: a database is away", consumer=consumer.name, error=type(error.orig).__name__)
        return None


def _give_up(code: str, poison: Poison) -> None:
    """Write a dead letter and go on behind the event; without the centre there is no letter, and it is tried again."""
    try:
        put_dead_letter(
            LetterSource.EVENT,
            poison.consumer,
            reason=GIVEN_UP,
            detail=poison.error,
            hospital=code,
            payload=poison.payload(),
            attempts=poison.attempts,
        )
    except DBAPIError as error:
        log.warning("no dead letter: the centre is away", consumer=poison.consumer, error=type(error.orig).__name__)
        return
    with bind_hospital(code):
        pass_by(poison)
    consumer = find_consumer(poison.consumer)
    if consumer is not None:
        with bind_hospital(code):
            _tell(consumer)
