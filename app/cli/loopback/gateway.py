"""The loopback gateway's little application: `/send` as a provider's, a page to look at, and calls back to hospitals.

It listens on this machine only, and answers no page of another site that asks through somebody's browser.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, Response, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.cli.loopback.box import Behaviour, Box, Taken
from app.core import clock
from app.core.ids import new_token
from app.core.outbound import connect, exchange, target_of
from app.domain.messages.gateway_store import derived_hook_secret
from app.domain.messages.hook import sign
from app.domain.messages.sms import count_sms
from app.web.assets import BUNDLES, SOURCE

HERE = frozenset({"127.0.0.1", "localhost", "::1"})
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Places:
    """Where hospitals are called back, by what those calls are signed, and how long a hanging request hangs."""

    base_url: str
    hook_secret: str
    hang_seconds: float = 30.0

    def hook_of(self, hospital: str) -> str:
        """Return the address that takes a hospital's reports."""
        return f"{self.base_url.rstrip('/')}/h/{hospital}/hooks/sms"


def make_gateway(places: Places, box: Box | None = None) -> Flask:
    """Return the gateway as an application of its own."""
    app = Flask("sms_gateway", static_folder=None, template_folder=str(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    box = box or Box()
    app.jinja_env.filters["time"] = lambda at: f"{at.astimezone(ZONE):%H:%M:%S %d/%m/%Y}"
    app.jinja_env.globals.update(count_sms=count_sms, Behaviour=Behaviour)

    @app.before_request
    def refuse_others() -> None:
        host = urlsplit(f"//{request.host}").hostname
        origin = request.headers.get("Origin")
        if host not in HERE or (origin is not None and urlsplit(origin).netloc != request.host):
            abort(403)

    @app.get("/")
    def index() -> str:
        return render_template("page.html", messages=box.list(), box=box, said=request.args.get("said", ""))

    @app.get("/app.css")
    def style() -> Response:
        text = "".join((SOURCE / name).read_text() for name in BUNDLES["css/app.css"])
        return Response(text, mimetype="text/css")

    @app.post("/send")
    def send() -> BaseResponse:
        return _take(box, places, request.get_json(silent=True) or request.form.to_dict())

    @app.post("/behaviour")
    def behave() -> BaseResponse:
        box.behaviour = Behaviour(request.form.get("behaviour", Behaviour.ACCEPT))
        return redirect("/", 303)

    @app.post("/messages/<message_id>/report")
    def report(message_id: str) -> BaseResponse:
        message = box.find(message_id) or abort(404)
        state = "delivered" if request.form.get("state") == "delivered" else "failed"
        return _told(message, state, report_delivery(places, message, state))

    @app.post("/messages/<message_id>/reply")
    def reply(message_id: str) -> BaseResponse:
        message = box.find(message_id) or abort(404)
        text = request.form.get("text", "")[:500]
        return _told(message, f"reply “{text}”", send_reply(places, message, text))

    return app


def report_delivery(places: Places, message: Taken, state: str) -> int:
    """Tell the hospital what became of a message; return its answer's status."""
    said = {
        "event": "delivery",
        "id": message.id,
        "reference": message.reference,
        "state": state,
        "at": clock.now().isoformat(),
        **({"error": "absent subscriber"} if state == "failed" else {}),
    }
    return call(places, message.hospital, said)


def send_reply(places: Places, message: Taken, text: str) -> int:
    """Answer a message as its recipient would; return the hospital's answer's status."""
    said = {"event": "reply", "id": "re-" + new_token()[:12], "from": message.to, "text": text}
    return call(places, message.hospital, said)


def call(places: Places, hospital: str, said: dict[str, str]) -> int:
    """Call a hospital back, signed; return the status, or 0 where it does not answer."""
    body, timestamp = json.dumps(said, ensure_ascii=False).encode(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "X-Vien-Timestamp": str(timestamp),
        "X-Vien-Signature": sign(derived_hook_secret(places.hook_secret, hospital), timestamp, body),
    }
    url = places.hook_of(hospital)
    try:
        connection = connect(url, allow_private=True, timeout=10)
        try:
            return exchange(connection, "POST", target_of(urlsplit(url)), headers, body).status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return 0


def _take(box: Box, places: Places, said: dict[str, str]) -> BaseResponse:
    """Answer as a provider that is in good, bad or no health."""
    box.requests += 1
    behaviour = box.behaviour
    if behaviour is Behaviour.LATER:
        return jsonify(error="busy"), 503  # type: ignore[return-value]
    if behaviour is Behaviour.REFUSE:
        return jsonify(error="bad number"), 400  # type: ignore[return-value]
    message = box.take(said)
    if behaviour is Behaviour.BREAK:
        return jsonify(error="broken"), 500  # type: ignore[return-value]
    if behaviour is Behaviour.HANG:
        time.sleep(places.hang_seconds)
    if behaviour is Behaviour.DELIVER:
        timer = threading.Timer(1.0, lambda: _told(message, "delivered", report_delivery(places, message, "delivered")))
        timer.daemon = True
        timer.start()
    return jsonify(id=message.id)


def _told(message: Taken, what: str, status: int) -> BaseResponse:
    message.said.append(f"{what} → {status or 'no answer'}")
    return redirect("/", 303)
