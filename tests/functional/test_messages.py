"""Messages in a browser: the ledger and a decision, words with their preview, the loopback gateway, notifications."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.serving import make_server

from app.cli.loopback.box import Box
from app.cli.loopback.gateway import Places, make_gateway
from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.messages.models import Channel, MessageEvent, MessageState, OutboundMessage, PushSubscription
from tests.factories import make_patient, make_patient_user, make_staff
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.test_access_rules import sign_in
from tests.functional.words import vi

pytestmark = pytest.mark.browser

MESSAGES = "/h/alpha/hospital/messages"
TEXT = "Benh vien Alpha: nhac Quy khach lich kham 08:30 ngay 24/11/2026, ma LH-2611-0042. Tra loi 1 de xac nhan."
STATES = (
    (MessageState.DELIVERED, Channel.SMS, None),
    (MessageState.SENT, Channel.EMAIL, None),
    (MessageState.QUEUED, Channel.SMS, "refused for now: 503"),
    (MessageState.FAILED, Channel.SMS, "the provider reports that it could not be delivered: absent subscriber"),
    (MessageState.DELIVERED, Channel.PUSH, None),
    (MessageState.UNKNOWN, Channel.SMS, "no answer: TimeoutError"),
)
NAMES = (
    "Nguyễn Thị Ánh Tuyết",
    "Trần Văn Đức",
    "Lê Hoàng Phúc",
    "Phạm Thị Hồng Nhung",
    "Vũ Đình Khôi",
    "Đặng Ngọc Bích",
)

# A browser whose maker's push service cannot be reached from here.
BROWSER = """
const fake = { endpoint: "https://push.example.net/abc", unsubscribe: async () => true,
  toJSON: () => ({ endpoint: fake.endpoint, keys: { p256dh: "POINT", auth: "AAAAAAAAAAAAAAAAAAAAAA" } }) };
let on = false;
Notification.requestPermission = async () => "granted";
PushManager.prototype.subscribe = async () => { on = true; return fake; };
PushManager.prototype.getSubscription = async () => (on || localStorage.getItem("on") ? fake : null);
addEventListener("submit", () => localStorage.setItem("on", "1"), true);
"""
POINT = "BCbvzr0O6eNKZpGH4Ys6kSKy9zOUW2Scyfn5Ien52tgSkCOL3pzHuzMNFQxncE3SWucFUgV0S28xv0BwdFhy0OY"


def write_messages() -> None:
    """Write one message of each fate into the ledger."""
    for number, (name, (state, channel, error)) in enumerate(zip(NAMES, STATES, strict=True)):
        patient, moment = make_patient(full_name=name), clock.now() - timedelta(minutes=7 * (6 - number))
        message = OutboundMessage(
            id=new_id(), key=f"k{number}", channel=channel, template="reminder", locale="vi", patient_id=patient.id,
            recipient="an@example.vn" if channel is Channel.EMAIL else "+84912345678", body=TEXT, state=state,
            subject="" if channel is Channel.SMS else "Nhắc lịch khám: 08:30 ngày 24/11/2026", attempts=1, error=error,
            cost=350 if channel is Channel.SMS else None, segments=1 if channel is Channel.SMS else None,
            created_at=moment, sent_at=moment, provider="sms", provider_id=f"lo-{number}",
        )  # fmt: skip
        db.session.add(message)
        db.session.flush()
        first = MessageState.SENT if state is MessageState.DELIVERED else state
        db.session.add(MessageEvent(message_id=message.id, at=moment, state=first, source="worker", detail=error))


@pytest.fixture
def loopback() -> Iterator[str]:
    """The loopback gateway with a message, and its address."""
    box = Box()
    taken = box.take({"to": "+84912345678", "text": TEXT, "sender": "Vien", "reference": "r", "hospital": "alpha"})
    taken.said.append("delivered → 204")
    server = make_server("127.0.0.1", 0, make_gateway(Places("http://127.0.0.1:1", "secret"), box), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_messages_are_looked_at_decided_and_worded(
    alpha: str, bound: Callable[[str], Any], open_browser: Callable[..., Watched], shape: Any, loopback: str
) -> None:
    name = "phone" if shape is PHONE else "desktop"
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Lê Thị Quản Trị")
        write_messages()
    desk = open_browser(shape)
    desk.page.route("**/hospital/live?*", lambda route: route.abort())  # many pages at once, none about streams
    sign_in(desk, "/h/alpha/hospital/sign-in", vi("Sign-in name"), "quan.tri")
    desk.show_code()
    desk.go(MESSAGES)
    assert desk.says("Đặng Ngọc Bích")
    desk.look(f"messages-{name}", full=True)
    desk.go(f"{MESSAGES}?state=unknown&since=31/02/2026")
    desk.go(f"{MESSAGES}?state=unknown")
    with desk.page.expect_navigation():
        desk.page.locator("tbody th a").first.click()
    desk.look(f"message-{name}", full=True)
    desk.press(vi("Take as delivered"))
    assert desk.says(vi("The message counts as delivered."))
    desk.go(f"{MESSAGES}/months")
    desk.look(f"message-months-{name}", full=True)
    desk.go(f"{MESSAGES}/words")
    desk.go(f"{MESSAGES}/words/reminder/sms/vi")
    desk.fill(vi("Text"), "{{ hospital }} hẹn Quý khách {{ patient }} lúc {{ time }} ngày {{ date }}.")
    desk.press(vi("Preview"))
    assert desk.says("hen Quy khach Nguyen Thi Minh Khai luc 08:30 ngay 24/11/2026.")
    desk.look(f"message-words-{name}", full=True)
    desk.fill(vi("Text"), "{{ diagnosis }} {{ time }} {{ date }}")
    desk.press(vi("Save"))
    desk.go(f"{MESSAGES}/channels")
    desk.look(f"message-channels-{name}", full=True)
    desk.open(loopback)
    desk.look(f"sms-gateway-{name}", full=True)
    assert desk.faults == []


def test_a_patient_switches_notifications_on_and_off(
    alpha: str, bound: Callable[[str], Any], open_browser: Callable[..., Watched]
) -> None:
    with bound(alpha):
        patient = make_patient(full_name="Trần Thị Đào")
        make_patient_user(patient)
        cccd = patient.cccd
    home = open_browser(PHONE)
    home.page.add_init_script(BROWSER.replace("POINT", POINT))
    sign_in(home, "/h/alpha/patient/sign-in", vi("CCCD or phone number"), cccd)
    home.go("/h/alpha/patient/account")
    home.press(vi("Switch on in this browser"))
    assert home.says(vi("This browser tells you of messages from now on."))
    home.look("notifications-phone", full=True)
    with bound(alpha):
        assert db.session.scalars(sa.select(PushSubscription.endpoint)).all() == ["https://push.example.net/abc"]
    home.press(vi("Switch off in this browser"))
    with bound(alpha):
        assert db.session.scalars(sa.select(PushSubscription.endpoint)).all() == []
    home.go("/h/alpha/patient/messages")
    assert home.faults == []
