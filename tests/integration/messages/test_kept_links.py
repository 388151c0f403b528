"""The ledger keeps links without what opens them: only the message that leaves and its own patient have them whole."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.messages.answer_links import offer_link, visit_link
from app.domain.messages.answer_tokens import AnswerLink, BadLink, Subject, read_link, sign
from app.domain.messages.kept_links import hide_links, keep_links, open_links
from app.domain.messages.models import Channel, MessageState, MessageTemplate, OutboundMessage
from app.domain.messages.operations import queue_message
from app.domain.messages.reminders import link_facts
from app.domain.messages.sms import count_sms
from app.domain.messages.template_kinds import REMINDER
from app.domain.patients.models import Patient
from tests.factories import make_appointment
from tests.integration.messages.conftest import SmsServer
from tests.integration.messages.test_sms import deliver

__all__ = ["deliver"]


def remind() -> tuple[UUID, str]:
    """Queue a reminder by text message; return its id and the link that it must carry."""
    visit = make_appointment(starts_at=clock.now() + timedelta(days=3))
    queue_message(
        f"{REMINDER}:{visit.id}:sms",
        REMINDER,
        channel=Channel.SMS,
        recipient="+84912345678",
        appointment=visit,
        patient=db.session.get_one(Patient, visit.patient_id),
        facts=link_facts(visit),
    )
    return db.session.scalars(sa.select(OutboundMessage.id)).one(), visit_link(visit.id, visit.starts_at)


def test_the_link_leaves_whole_and_stands_in_no_row_and_on_no_page_of_the_staff(
    bound: Any, deliver: Any, sms_server: SmsServer, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    with bound(alpha):
        message_id, link = remind()
    token = link.rpartition("/")[2]
    with bound(alpha):
        kept = db.session.get_one(OutboundMessage, message_id)
        assert token not in kept.body
        segments = kept.segments
        with pytest.raises(BadLink):
            read_link(kept.body.split("/answer/")[1].split()[0])
    deliver()
    (taken,) = sms_server.box.list()
    assert link in taken.text
    assert count_sms(taken.text).segments == segments  # as it is sent, not as it is kept
    page = sign_in_staff(alpha, "administrator").get(f"/h/alpha/hospital/messages/{message_id}").get_data(as_text=True)
    assert "/answer/•••" in page
    assert token not in page
    assert "/answer/~" not in page


def test_a_patient_reads_the_whole_link(bound: Any, sign_in_patient: Callable[..., Any], alpha: str) -> None:
    with bound(alpha):
        _, link = remind()
        db.session.execute(sa.update(OutboundMessage).values(state=MessageState.SENT))
        patient_id = db.session.scalars(sa.select(Patient.id)).one()
    assert link in sign_in_patient(alpha, patient_id).get("/h/alpha/patient/messages").get_data(as_text=True)


def test_words_that_name_another_visit_get_no_signature(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        other = make_appointment(starts_at=clock.now() + timedelta(days=9, hours=3))
        opens = sign(AnswerLink(Subject.VISIT, other.id, other.starts_at))
        forged = "~" + base64.urlsafe_b64encode(base64.urlsafe_b64decode(opens + "==")[:21]).decode()
        db.session.add(
            MessageTemplate(
                template=REMINDER,
                channel=Channel.SMS,
                locale="vi",
                subject="",
                body="{{ date }} {{ time }} https://v.vn/answer/" + forged,
            )
        )
        db.session.flush()
        remind()
    deliver()
    (taken,) = sms_server.box.list()
    assert f"/answer/{forged}" in taken.text
    assert opens not in taken.text


def test_what_is_no_link_of_ours_stays_as_it_is(bound: Any, alpha: str) -> None:
    with bound(alpha):
        for text in ("", "xin chào", "https://v.vn/answer/", "/answer/~" + "_" * 28, "/answer/~" + "A" * 27):
            assert keep_links(text, {"link": "https://v.vn/other"}) == text
            assert open_links(text, "slot_offer:", None) == text
        offer_id = UUID(int=7)
        link = offer_link(offer_id, clock.now() + timedelta(hours=1))
        kept = keep_links(f"({link}).", {"link": link})
        assert link not in kept
        assert open_links(kept, f"slot_offer:{offer_id}:sms", None) == f"({link})."
        assert open_links(kept, f"slot_offer:{UUID(int=8)}:sms", None) == kept
        assert hide_links(f"({link}).").endswith("/answer/•••).")
