"""The HTTP gateway for text messages: a request as the hospital or the platform described it, and its answer."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from app.config import GatewaySettings
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.outbound import Answer, RefusedAddress, check_url, connect, exchange, target_of
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.models import MessageState
from app.domain.messages.sms import count_sms

TIMEOUT_SECONDS = 15.0
NAMES = ("to", "text", "sender", "reference", "hospital", "credential")
NAMED = re.compile(r"\{(" + "|".join(NAMES) + r")\}")
SAMPLE = {name: f"of-{name}-here" for name in NAMES}
HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}\Z")
REFUSED_SESSION = frozenset({401, 403, 404, 405, 407, 408, 425, 429, 503})  # nothing was accepted, nor is it its fault


class UnfitRequest(ValueError):
    """A request that cannot be written as it is set; it says where, and never what was to stand there."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to the gateway."""

    target: str
    headers: Mapping[str, str]
    body: bytes | None


class HttpSms:
    """A gateway that takes one text message with one request."""

    name = "sms"

    def __init__(self, gateway: GatewaySettings, *, credential: str, sender: str, allow_private: bool) -> None:
        self._gateway = gateway
        self._credential = credential
        self._sender = sender
        self._allow_private = allow_private

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Send one text message; before its request is sent nothing can have been accepted."""
        try:
            request = compose(self._gateway, self._facts(letter))
        except UnfitRequest as error:
            return Outcome(MessageState.QUEUED, error=f"the request cannot be written: {error}")
        try:
            connection = connect(self._gateway.url, allow_private=self._allow_private, timeout=TIMEOUT_SECONDS)
        except (RefusedAddress, OSError) as error:
            return Outcome(MessageState.QUEUED, error=f"no connection: {type(error).__name__}")
        try:
            commit()
            answer = exchange(connection, self._gateway.method, request.target, request.headers, request.body)
        except (OSError, http.client.HTTPException) as error:
            return Outcome(MessageState.UNKNOWN, error=f"no answer: {type(error).__name__}")
        finally:
            connection.close()
        return self._read(answer, letter)

    def _facts(self, letter: Letter) -> dict[str, str]:
        return {
            "to": letter.recipient,
            "text": letter.body,
            "sender": self._sender,
            "reference": letter.reference,
            "hospital": letter.hospital,
            "credential": self._credential,
        }

    def _read(self, answer: Answer, letter: Letter) -> Outcome:
        """Tell what an answer means, without its words: they may quote the message."""
        if not 200 <= answer.status < 300:
            return _refused(answer.status)
        said = _parse(answer.body)
        if self._gateway.ok_path:
            accepted = find_in(said, self._gateway.ok_path)
            if accepted is None:
                return Outcome(MessageState.UNKNOWN, error="the answer does not say whether it was accepted")
            if accepted != self._gateway.ok_value:
                return Outcome(MessageState.FAILED, error=f"refused: {_short(accepted)}")
        provider_id = find_in(said, self._gateway.id_path) if self._gateway.id_path else None
        cost = self._gateway.cost * count_sms(letter.body).segments
        return Outcome(MessageState.SENT, provider_id=provider_id, cost=cost)


def compose(gateway: GatewaySettings, facts: Mapping[str, str]) -> Request:
    """Write the request: what is put in stays a value, whatever letters it holds; raises UnfitRequest."""
    parts = check_url(gateway.url, allow_private=True)  # whether it may go there is asked where it is connected
    query = [(name, _fill(value, facts)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    headers = {name: _fill(value, facts) for name, value in gateway.headers.items()}
    for name, value in headers.items():
        if not _is_header(value):
            raise UnfitRequest(name)
    headers.setdefault("User-Agent", "Vien")
    if gateway.method == "GET":
        query += [(name, _fill(value, facts)) for name, value in _form_of(gateway.body)]
        return Request(target_of(parts._replace(query=urlencode(query))), headers, None)
    if gateway.kind == "json":
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        body = _fill_json(gateway.body, facts)
    else:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        body = urlencode([(name, _fill(value, facts)) for name, value in _form_of(gateway.body)]).encode()
    return Request(target_of(parts._replace(query=urlencode(query))), headers, body)


def check_gateway(gateway: GatewaySettings, *, allow_private: bool) -> None:
    """Refuse a request that could not be sent; raises InvalidValue with the field it is about."""
    try:
        check_url(gateway.url, allow_private=allow_private)
    except RefusedAddress as error:
        raise InvalidValue(error.message, field="url") from None
    for name, value in gateway.headers.items():
        if not HEADER_NAME.match(name) or not _is_header(value):
            raise InvalidValue(_l("Write each header as a line of its own, such as “Authorization: Key {credential}”."),
                               field="headers")  # fmt: skip
    if gateway.kind == "json" and gateway.method != "GET":
        try:
            _fill_json(gateway.body, SAMPLE)
        except UnfitRequest:
            raise InvalidValue(_l("The body is not JSON."), field="body") from None
    if not _carries(gateway):
        raise InvalidValue(_l("The request must name {to} and {text} somewhere."), field="body")


def find_in(said: Any, path: str) -> str | None:
    """Return what stands at a place of an answer, such as `data.0.id`; None where there is nothing plain."""
    for step in path.split("."):
        if isinstance(said, dict):
            said = said.get(step)
        elif isinstance(said, list) and step.isdecimal() and int(step) < len(said):
            said = said[int(step)]
        else:
            return None
    return _short(str(said)) if isinstance(said, str | int) and not isinstance(said, bool) else None


def _carries(gateway: GatewaySettings) -> bool:
    """Tell whether number and text arrive: a name in a path, or in place of a field's, is never filled in."""
    request = compose(gateway, SAMPLE)
    sent = request.target.encode() + (request.body or b"")
    return all(SAMPLE[name].encode() in sent for name in ("to", "text"))


def _is_header(value: str) -> bool:
    return not any(ord(letter) < 32 or ord(letter) > 255 for letter in value)


def _refused(status: int) -> Outcome:
    if status in REFUSED_SESSION or 300 <= status < 400:
        return Outcome(MessageState.QUEUED, error=f"refused for now: {status}")
    if status >= 500:  # a server that broke, or one behind it, may have accepted
        return Outcome(MessageState.UNKNOWN, error=f"the gateway broke: {status}")
    return Outcome(MessageState.FAILED, error=f"refused: {status}")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _fill_json(body: str, facts: Mapping[str, str]) -> bytes:
    try:
        return json.dumps(_fill_all(json.loads(body), facts), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise UnfitRequest("body") from None


def _fill_all(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, facts)
    if isinstance(value, list):
        return [_fill_all(one, facts) for one in value]
    if isinstance(value, dict):
        return {name: _fill_all(one, facts) for name, one in value.items()}
    return value


def _fill(text: str, facts: Mapping[str, str]) -> str:
    return NAMED.sub(lambda found: facts[found[1]], text)


def _form_of(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text.strip(), keep_blank_values=True)


def _short(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:200]
