"""The hospital's pages about messages: the ledger, decisions, words with their preview, channels and their secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.audit.models import AuditEntry
from app.domain.messages.decisions import may_be_sent_again
from app.domain.messages.gateway_store import find_channel, find_sms, hook_secret, open_secret
from app.domain.messages.ledger import summarise_months
from app.domain.messages.models import Channel, MessageEvent, MessageState, MessageTemplate, OutboundMessage
from app.domain.messages.operations import queue_message
from app.domain.messages.template_kinds import CONFIRMATION
from app.domain.messages.testing import MOST_AN_HOUR, TooManyTests, send_test
from app.domain.patients.models import Confidentiality
from tests.factories import make_appointment, make_patient
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

BASE = "/h/alpha/hospital/messages"
SMS = f"{BASE}/words/confirmation/sms/vi"
OWN_WORDS = "{{ hospital }} hẹn {{ patient }} lúc {{ time }} ngày {{ date }}."
GATEWAY = {
    "sms-enabled": "y",
    "sms-sender_name": "AN BINH",
    "sms-gateway": "own",
    "sms-url": "https://93.184.216.34/send",
    "sms-method": "POST",
    "sms-kind": "json",
    "sms-body": '{"to": "{to}", "message": "{text}", "from": "{sender}"}',
    "sms-headers": "Authorization: Key {credential}",
    "sms-credential": "top secret",
    "sms-id_path": "data.id",
    "sms-cost": "400",
}


def write_message(state: MessageState = MessageState.SENT, **facts: Any) -> UUID:
    """Write a message into the ledger, to a new patient unless told."""
    patient_id = facts.pop("patient_id", None) or make_patient().id
    values = {
        "id": new_id(), "key": str(new_id()), "channel": Channel.SMS, "template": CONFIRMATION, "locale": "vi",
        "recipient": "+84912345678", "patient_id": patient_id, "subject": "", "body": "hen kham 08:30", "state": state,
        "cost": 350, "segments": 1, **facts,
    }  # fmt: skip
    db.session.add(OutboundMessage(**values))
    db.session.flush()
    return values["id"]


def acts() -> list[str]:
    query = sa.select(AuditEntry.action).where(AuditEntry.action.like("message%")).order_by(AuditEntry.id)
    return list(db.session.scalars(query))


def test_the_ledger_of_ten_thousand_is_paged_and_filtered_with_few_queries(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    with bound(alpha):
        patient = make_patient()
        code, now = patient.code, clock.now()
        db.session.execute(
            sa.text(
                "INSERT INTO outbound_messages (id, key, channel, template, locale, recipient, patient_id, subject,"
                " body, state, created_at) SELECT gen_random_uuid(), 'k' || n, 'sms', 'reminder', 'vi',"
                " '+84912345678', :id, '', 'x', 'delivered', :now - n * interval '1 minute'"
                " FROM generate_series(1, 10000) n"
            ),
            {"id": patient.id, "now": now},
            bind_arguments={"mapper": OutboundMessage},
        )
        write_message(MessageState.UNKNOWN, recipient="+84987654321", error="no answer: TimeoutError")
    browser = sign_in_staff(alpha, "administrator")
    browser.get(BASE)
    with count_queries() as queries:
        page = browser.get(f"{BASE}?page=200").get_data(as_text=True)
    assert len(queries) <= 12
    assert "9.951–10.000 / 10.001" in page or "9951–10000" in page
    assert "912345678" not in page  # the list shows nobody's number
    unknown = browser.get(f"{BASE}?state=unknown&channel=sms").get_data(as_text=True)
    assert "•••321" in unknown
    assert "•••678" not in unknown
    assert "•••321" not in browser.get(f"{BASE}?patient={code.lower()}").get_data(as_text=True)
    assert browser.get(f"{BASE}?since=31/02/2026").status_code == 422
    assert "350" in browser.get(f"{BASE}/months").get_data(as_text=True)


def test_a_message_is_shown_in_full_and_one_decision_counts(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    with bound(alpha):
        message_id = write_message(MessageState.UNKNOWN, error="no answer: TimeoutError")
        secret_id = write_message(MessageState.FAILED, template="password_reset", body="https://x/secret-link")
    browser = sign_in_staff(alpha, "administrator")
    page = browser.get(f"{BASE}/{message_id}").get_data(as_text=True)
    assert "+84912345678" in page
    assert "hen kham 08:30" in page
    assert "secret-link" not in browser.get(f"{BASE}/{secret_id}").get_data(as_text=True)
    for _ in range(2):
        assert browser.submit(f"{BASE}/{message_id}/delivered", page=f"{BASE}/{message_id}").status_code == 303
    assert browser.submit(f"{BASE}/{message_id}/send-again", page=f"{BASE}/{message_id}").status_code == 303
    with bound(alpha):
        assert db.session.get_one(OutboundMessage, message_id).state is MessageState.DELIVERED
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MessageEvent)) == 1
        assert acts() == ["message.take_as_delivered"]
    assert browser.get(f"{BASE}/{new_id()}").status_code == 404


def test_who_may_only_look_decides_nothing_and_who_may_not_look_sees_nothing(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    with bound(alpha):
        message_id = write_message(MessageState.UNKNOWN)
    desk, doctor = sign_in_staff(alpha, "receptionist"), sign_in_staff(alpha, "doctor", username="bs.la")
    assert desk.get(f"{BASE}/{message_id}").status_code == 200
    assert desk.submit(f"{BASE}/{message_id}/send-again", page=f"{BASE}/{message_id}").status_code == 403
    assert {desk.get(f"{BASE}/{name}").status_code for name in ("words", "channels")} == {403}
    assert {doctor.get(url).status_code for url in (BASE, f"{BASE}/{message_id}", f"{BASE}/months")} == {403}


def test_own_words_are_previewed_checked_and_used(bound: Any, sign_in_staff: Callable[..., Any], alpha: str) -> None:
    browser = sign_in_staff(alpha, "administrator")
    assert "/words/reminder/email/en" in browser.get(f"{BASE}/words").get_data(as_text=True)
    shown = browser.submit(SMS, {"body": OWN_WORDS, "version": 0, "act": "preview"})
    assert shown.status_code == 200
    assert "Benh vien Alpha hen Nguyen Thi Minh Khai luc 08:30 ngay 24/11/2026." in shown.get_data(as_text=True)
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MessageTemplate)) == 0
    for wrong in ("", "Chẩn đoán: {{ diagnosis }} {{ time }} {{ date }}", "{% for x in y %} {{ time }} {{ date }}",
                  "{{ time }} {{ date }} {{ hospital.__class__ }}", "Xin chào {{ patient }}",
                  "{{ time }} {{ date }}" + "Kính mời. " * 70):  # fmt: skip
        answer = browser.submit(SMS, {"body": wrong, "version": 0, "act": "save"})
        assert answer.status_code == 422, wrong
    assert browser.submit(SMS, {"body": OWN_WORDS, "version": 0, "act": "save"}).status_code == 303
    assert (
        browser.submit(SMS, {"body": "khác {{ time }} {{ date }}", "version": 0}).status_code == 422
    )  # somebody was faster
    with bound(alpha):
        patient = make_patient(full_name="Trần {{ code }} Văn Đức")
        visit = make_appointment(patient_id=patient.id, starts_at=clock.now() + timedelta(days=2))
        queue_message(
            "k", CONFIRMATION, channel=Channel.SMS, recipient="+84912345678", appointment=visit, patient=patient
        )
        body = db.session.scalars(sa.select(OutboundMessage.body)).one()
        assert re.fullmatch(r"Benh vien Alpha hen Tran \{\{ code \}\} Van Duc luc \d\d:\d\d ngay [\d/]+\.", body)
    assert browser.submit(f"{SMS}/shipped", {"version": 1}, page=SMS).status_code == 303
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MessageTemplate)) == 0
        assert acts() == ["message_template.change", "message_template.reset"]
    assert browser.get(f"{BASE}/words/password_reset/email/vi").status_code == 404
    assert browser.get(f"{BASE}/words/confirmation/console/vi").status_code == 404
    assert browser.get(f"{BASE}/words/confirmation/sms/fr").status_code == 404


def test_an_own_gateway_is_kept_with_its_secrets_sealed(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str, beta: str
) -> None:
    browser = sign_in_staff(alpha, "administrator")
    save = f"{BASE}/channels/sms"
    assert browser.submit(save, GATEWAY | {"sms-version": "0"}, page=f"{BASE}/channels").status_code == 303
    page = browser.get(f"{BASE}/channels").get_data(as_text=True)
    assert "top secret" not in page
    assert "https://93.184.216.34/send" in page
    with bound(alpha):
        row = find_channel(Channel.SMS)
        assert row is not None
        assert b"top secret" not in (row.credential_ciphertext or b"")
        assert open_secret(row, "credential") == "top secret"
        first, way = hook_secret(), find_sms()
        assert way is not None
        assert acts() == ["message_channel.change"]
    kept = GATEWAY | {"sms-credential": "", "sms-version": "1"}
    assert browser.submit(save, kept, page=f"{BASE}/channels").status_code == 303
    shown = browser.submit(f"{BASE}/channels/sms/secret", page=f"{BASE}/channels").get_data(as_text=True)
    with bound(alpha):
        row = find_channel(Channel.SMS)
        assert row is not None
        assert open_secret(row, "credential") == "top secret"
        assert hook_secret() != first
        assert str(hook_secret()) in shown
    assert str(first) not in browser.get(f"{BASE}/channels").get_data(as_text=True)
    with bound(beta):
        assert find_channel(Channel.SMS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms-url": "https://127.0.0.1/send"},
        {"sms-url": "https://[::ffff:10.0.0.1]/send"},
        {"sms-url": "https://169.254.169.254/latest"},
        {"sms-url": "http://93.184.216.34/send"},
        {"sms-url": "https://localhost/send"},
        {"sms-url": "https://user:pass@sms.example.vn/"},
        {"sms-url": ""},
        {"sms-body": '{"to": "{to}"}'},
        {"sms-body": "{to} {text}"},
        {"sms-headers": "no colon"},
        {"sms-headers": "Bad Name: x"},
        {"sms-sender_name": "Bệnh viện"},
        {"sms-sender_name": "ABCDEFGHIJKL"},
        {"sms-cost": "-1"},
        {"sms-version": "7"},
    ],
)
def test_a_gateway_that_could_not_work_or_lies_inside_is_refused_with_what_was_typed(
    platform: Any, bound: Any, sign_in_staff: Callable[..., Any], alpha: str, wrong: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings = platform.app.extensions["settings"].model_copy(update={"private_gateways": False})
    monkeypatch.setitem(platform.app.extensions, "settings", settings)
    browser = sign_in_staff(alpha, "administrator")
    answer = browser.submit(f"{BASE}/channels/sms", GATEWAY | {"sms-version": "0"} | wrong, page=f"{BASE}/channels")
    assert answer.status_code == 422
    assert "AN BINH" in answer.get_data(as_text=True) or "sms-sender_name" in wrong
    with bound(alpha):
        assert find_channel(Channel.SMS) is None


def test_nobody_decides_about_a_message_whose_patient_they_may_not_see(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    with bound(alpha):
        patient = make_patient(confidentiality=Confidentiality.RESTRICTED)
        message_id = write_message(MessageState.UNKNOWN, patient_id=patient.id)
    browser = sign_in_staff(alpha, "administrator")
    url = f"{BASE}/{message_id}"
    assert browser.get(url).status_code == 404
    for act in ("send-again", "delivered"):
        assert browser.submit(f"{url}/{act}", page=f"{BASE}/channels").status_code == 404
    with bound(alpha):
        assert db.session.get_one(OutboundMessage, message_id).state is MessageState.UNKNOWN
        assert acts() == []


def test_a_channel_is_tried_by_a_marked_message_to_nobody_of_the_hospital(
    bound: Any, sign_in_staff: Callable[..., Any], alpha: str
) -> None:
    browser, desk, page = (
        sign_in_staff(alpha, "administrator"),
        sign_in_staff(alpha, "receptionist"),
        f"{BASE}/channels",
    )
    assert desk.submit(f"{page}/email/test", {"email-test-to": "it@example.vn"}, page=BASE).status_code == 403
    for wrong in ("", "it@", "it@example.vn\nBcc: all@example.vn", "a" * 5000, "it@example.vn\0"):
        assert browser.submit(f"{page}/email/test", {"email-test-to": wrong}, page=page).status_code == 422
    assert browser.submit(f"{page}/push/test", {"push-test-to": "1"}, page=page).status_code in (404, 405)
    assert browser.submit(f"{page}/sms/test", {"sms-test-to": "0912345678"}, page=page).status_code == 422  # no gateway
    assert browser.submit(f"{page}/email/test", {"email-test-to": "it@example.vn"}, page=page).status_code == 303
    with bound(alpha):
        sent = db.session.scalars(sa.select(OutboundMessage)).one()
        assert (sent.template, sent.recipient, sent.patient_id, sent.appointment_id) == (
            "test", "it@example.vn", None, None,
        )  # fmt: skip
        assert sent.state is MessageState.QUEUED
        assert "Tin thử" in sent.subject
        assert acts() == ["message.test"]
        assert not summarise_months()
        message_id, sent.state = sent.id, MessageState.FAILED
        assert not may_be_sent_again(sent)  # a new one is sent, as long as there are not too many
    assert "Tin thử" in browser.get(f"{BASE}/{message_id}").get_data(as_text=True)


def test_only_so_many_test_messages_are_sent_however_many_ask_at_once(app: Any, bound: Any, alpha: str) -> None:
    def ask(_number: int) -> bool:
        try:
            with bound(alpha):
                send_test(ACTOR, Channel.EMAIL, "it@example.vn", "vi")
        except TooManyTests:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(MOST_AN_HOUR + 4))) == MOST_AN_HOUR
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(OutboundMessage)) == MOST_AN_HOUR
