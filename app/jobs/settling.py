"""What becomes of a job that ended: done, begun again after a rest, or given up as a dead letter.

This runs in the worker, not in its horse, which may have died. A reason is the name of an error, never its words: those
may quote rows.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import current_app
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.core.actor import system_actor
from app.core.logging import get_logger
from app.core.queue import BadJob, Envelope, claim_again, get_kind, verify
from app.core.queue_lanes import DONE, FAILED, LOST, REFUSED, Lanes, Taken, Work
from app.core.unit_of_work import unit_of_work
from app.tenancy.dead_letters import close_done, put_dead_letter
from app.tenancy.models import LetterSource
from app.tenancy.security_events import record_platform_security_event

log = get_logger(__name__)

ACTOR = system_actor("worker")
FORGOTTEN = "forgotten"
KILLED, TIMED_OUT, ORPHANED = "killed", "timeout", "orphaned"
FIRST_REST, TIMES, LONGEST_REST = 5, 4, 300
WITHOUT_CENTRE = 60
# Not tried again: it would be refused again. What another release knows is tried again: it may be coming.
FINAL = frozenset({"malformed", "forged", "replayed", "hospital", "expired", "foreign"})
MARK = "refused "


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended: without a status where Redis has it no more, which is how RQ says done; else why not."""

    status: str | None
    failure: str = ""
    text: str = ""
    seconds: float = 0.0


def reason_of(error: BaseException | None) -> str:
    """Return the code by which an error is known."""
    if isinstance(error, BadJob):
        return f"{MARK}{error.code}"
    if _is_timeout(error):
        return TIMED_OUT
    if isinstance(error, DBAPIError) and error.orig is not None:
        return type(error.orig).__name__
    return type(error).__name__ if error is not None else KILLED


def _is_timeout(error: BaseException | None) -> bool:
    """Tell whether a time limit is behind an error: a connection that it broke off has errors of its own."""
    while error is not None and not isinstance(error, JobTimeoutException):
        error = error.__cause__ or error.__context__
    return error is not None


def record_refusal(code: str, envelope: Envelope | None, job_id: str) -> None:
    """Write down, for those who watch, that a job was not ours; what is merely old is only logged."""
    log.error("job refused", reason=code, id=job_id)
    if code not in FINAL or code == "expired":
        return
    details = {"reason": code}
    if envelope is not None:
        details |= {"job": envelope.name, "hospital": envelope.hospital or ""}
    with suppress(SQLAlchemyError):  # it is in the log at least
        record_platform_security_event(ACTOR, "job.forged", details=details, portal=None, lasting=True)


def settle(lanes: Lanes, taken: Taken, ending: Ending) -> None:
    """Settle a job by how it ended."""
    envelope, failure = _read(ending.text), ending.failure
    work = Work(envelope.name, key_of(envelope), ending.seconds) if envelope else Work()
    if ending.status is None:
        if letter := lanes.settle(taken, DONE, work):
            _close(letter)
    elif ending.status == FORGOTTEN:  # there is nothing left to begin again; the schedule finds it
        lanes.settle(taken, LOST, work)
    elif failure.startswith(MARK) and failure.removeprefix(MARK) in FINAL:
        lanes.settle(taken, REFUSED, Work())
    elif taken.attempt < current_app.extensions["settings"].job_attempts:
        _again(lanes, taken, failure, envelope, work)
    else:
        _give_up(lanes, taken, failure, envelope, work)


def key_of(envelope: Envelope) -> str:
    """Return what is the same for the same work."""
    return json.dumps([envelope.name, envelope.hospital, envelope.args], sort_keys=True)


def _again(lanes: Lanes, taken: Taken, failure: str, envelope: Envelope | None, work: Work) -> None:
    orphaned = failure == ORPHANED
    rest = 0 if orphaned else min(FIRST_REST * TIMES ** max(taken.attempt - 1, 0), LONGEST_REST)
    if envelope is not None:
        with suppress(BadJob):
            claim_again(get_kind(envelope.name), envelope, rest)
    log.warning("job begins again", job=work.name, attempt=taken.attempt, reason=failure, seconds=rest)
    lanes.settle(taken, LOST if orphaned else FAILED, work, again_in=rest)


def _give_up(lanes: Lanes, taken: Taken, failure: str, envelope: Envelope | None, work: Work) -> None:
    facts: dict[str, Any] = {"reason": failure, "attempts": taken.attempt}
    if envelope is not None:
        facts |= {"hospital": envelope.hospital, "payload": envelope.args}
    try:
        letter = put_dead_letter(LetterSource.JOB, work.name or "unreadable", **facts)
    except SQLAlchemyError as error:
        log.warning("central database away: the job stays", job=work.name, error=type(error).__name__)
        lanes.settle(taken, FAILED, work, again_in=WITHOUT_CENTRE)
        return
    log.error("job given up", job=work.name, attempts=taken.attempt, reason=failure, letter=str(letter))
    lanes.give_up(work, str(letter))
    lanes.settle(taken, FAILED, work)


def _close(letter: str) -> None:
    with suppress(SQLAlchemyError), unit_of_work():  # else it stays open, for somebody to look at
        close_done(ACTOR, letter)


def _read(text: str) -> Envelope | None:
    try:
        return verify(text)
    except BadJob:
        return None
