"""The addresses at which a patient answers without signing in; what they hold is signed in `answer_tokens`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.domain.identity.letters import link_to
from app.domain.messages.answer_tokens import AnswerLink, Subject, sign
from app.domain.messages.kept_links import PATH


def visit_link(appointment_id: UUID, starts_at: datetime) -> str:
    """Return the address at which a patient confirms or cancels a visit at its present time."""
    return link_to("patient", PATH + sign(AnswerLink(Subject.VISIT, appointment_id, starts_at)))


def offer_link(offer_id: UUID, expires_at: datetime) -> str:
    """Return the address at which a patient takes or leaves an offered time."""
    return link_to("patient", PATH + sign(AnswerLink(Subject.OFFER, offer_id, expires_at)))
