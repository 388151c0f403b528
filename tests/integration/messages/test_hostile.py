"""What nobody sends by accident: calls, gateways and numbers that were made to break something."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import InvalidValue
from app.domain.messages.gateway_store import derived_hook_secret, save_channel
from app.domain.messages.gateways import check_gateway
from app.domain.messages.hook import sign
from app.domain.messages.models import Channel, MessageState
from tests.integration.messages.conftest import HOOK_SECRET, SmsServer
from tests.integration.messages.test_sms import deliver, queue, read
from tests.support.platform import ACTOR

__all__ = ["deliver"]

ODD_CALLS = {
    "a letter that is half of one": b'{"event": "reply", "id": "\\ud800", "from": "0912345678", "text": "1"}',
    "an id longer than an index takes": json.dumps(
        {"event": "reply", "id": "".join(chr(0x4E00 + n) for n in range(1990)), "from": "0912345678", "text": "1"}
    ).encode(),
    "lists within lists": b"[" * 15_000,
    "half a letter in what went wrong": b'{"event": "delivery", "id": "1", "state": "failed", "error": "\\udfff"}',
    "a time before all times": b'{"event": "delivery", "id": "1", "state": "failed", "at": "0001-01-01T00:00+14:00"}',
    "a sender of odd digits": '{"event": "reply", "id": "9", "from": "+８４９１２３４５６７８", "text": "1"}'.encode(),
    "a number with no end": b'{"event": "delivery", "id": ' + b"9" * 5000 + b', "state": "failed"}',
}


@pytest.mark.parametrize("what", ODD_CALLS)
def test_an_odd_call_that_is_well_signed_is_answered_and_breaks_nothing(
    bound: Any, client: Any, sms_server: SmsServer, alpha: str, what: str
) -> None:
    with bound(alpha):
        message_id = queue()
        reference = str(message_id)
    body = ODD_CALLS[what]
    if b"delivery" in body and b"[" not in body:
        body = body.replace(b'"event"', f'"reference": "{reference}", "event"'.encode(), 1)
    now, secret = int(time.time()), derived_hook_secret(HOOK_SECRET, alpha)
    headers = {"X-Vien-Timestamp": str(now), "X-Vien-Signature": sign(secret, now, body)}
    assert client.post(f"/h/{alpha}/hooks/sms", data=body, headers=headers).status_code in (204, 422)


ODD_GATEWAYS: dict[str, dict[str, Any]] = {
    "names in the path, where nothing is put in": {"url": "https://93.184.216.34/{to}/{text}", "body": ""},
    "the same, asked for": {"url": "https://93.184.216.34/{to}/{text}", "body": "", "method": "GET"},
    "names of fields instead of values": {"body": '{"{to}": "1", "{text}": "2"}'},
    "a form without values": {"kind": "form", "body": "{to}&{text}"},
    "lists within lists": {"body": "[" * 3_000 + '"{to}{text}"'},
    "half a letter": {"body": '{"to": "{to}", "text": "{text}", "x": "\\ud800"}'},
    "the message in a header": {"headers": {"X-Text": "{text}"}, "body": '{"to": "{to}"}'},
    "a path that no request line takes": {"url": "https://93.184.216.34/gửi"},
    "a port that is none": {"url": "https://93.184.216.34:99999/"},
    "decimal loopback": {"url": "https://2130706433/"},
    "mapped loopback": {"url": "https://[::ffff:127.0.0.1]/"},
    "metadata": {"url": "https://169.254.169.254/latest"},
}


@pytest.mark.parametrize("what", ODD_GATEWAYS)
def test_a_gateway_that_could_carry_no_message_is_refused_when_it_is_saved(sms_server: SmsServer, what: str) -> None:
    settings = sms_server.settings().model_copy(update={"url": "https://93.184.216.34/send", **ODD_GATEWAYS[what]})
    with pytest.raises(InvalidValue):
        check_gateway(settings, allow_private=False)


def test_a_credential_that_no_header_takes_sends_nothing_and_leaves_nothing_unknown(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        message_id: UUID = queue()
    way = sms_server.channel(headers={"Authorization": "Key {credential}"})
    way._credential = "khoá\n"
    deliver(sms=way)
    with bound(alpha):
        assert read(message_id).state in (MessageState.QUEUED, MessageState.FAILED)
    assert sms_server.box.requests == 0


def test_a_credential_that_no_header_takes_is_refused_when_it_is_saved(
    bound: Any, sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha), pytest.raises(InvalidValue) as refused:
        save_channel(
            ACTOR, Channel.SMS, 0, enabled=True, gateway=sms_server.settings(), credential="key\r\nX-Injected: 1"
        )
    assert refused.value.field == "credential"
