"""Event streams to open pages: who may hear which topic, the stream itself, and where a page finds it.

Only processes of the type `app.streams` have a hub and hold streams; the others refuse at once, so that no stream ever
takes a thread that serves pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, request

from app.config import Settings
from app.core import clock
from app.core import live as core_live
from app.core.access_mode import set_read_only
from app.core.errors import Forbidden, NotFound, Unavailable
from app.core.i18n import _l
from app.core.live import EVERYTHING, Change
from app.core.permissions import Permission, signed_in_only
from app.domain.identity.permissions import OWN_APPOINTMENTS, VIEW_APPOINTMENTS, VIEW_HOSPITALS, VIEW_LONG_WORK
from app.tenancy.binding import bind_hospital, find_bound_hospital
from app.tenancy.gateway.addresses import parse_address
from app.tenancy.gateway.store import gateway_store
from app.web.live_hub import BEAT_SECONDS, Holder, Hub, Stream, TooManyStreams
from app.web.principals import find_principal, find_signed_in

HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx would collect small answers
}
RETRY_MILLISECONDS = 3_000

# Who may hear of a topic in which portal; None: everybody signed in there, of what concerns them alone.
_topics: dict[tuple[str, str], str | None] = {}

# Who is not signed in and holds streams all the same: at which portal, and of which topics they hear by now.
Hears = Callable[[Holder], frozenset[str]]
_holders: dict[str, tuple[str, Hears]] = {}


class StreamsFull(Unavailable):
    default_message = _l("There are too many live connections. The page asks by itself meanwhile.")
    retry_after = 60


def declare_topic(portal: str, topic: str, permission: Permission | None) -> None:
    """Let those of a portal who hold a permission hear of a topic; without one, each what concerns them alone."""
    _topics[portal, topic] = permission.code if permission else None


declare_topic("admin", "operations", VIEW_HOSPITALS)
declare_topic("hospital", "worklist", VIEW_APPOINTMENTS)
declare_topic("hospital", "queue", VIEW_APPOINTMENTS)
declare_topic("hospital", "notices", None)
declare_topic("hospital", "longwork", VIEW_LONG_WORK)
declare_topic("patient", "queue", OWN_APPOINTMENTS)


def publish(topic: str, *, key: object = "", whom: object = "") -> bool:
    """Tell the open pages of the bound hospital, or of the platform where none is bound, that something changed."""
    hospital = find_bound_hospital()
    return core_live.publish(topic, hospital=hospital.code if hospital else None, key=key, whom=whom)


def init_live(app: Flask) -> None:
    """Let an application publish changes, and its pages find their stream."""
    core_live.init_live(app)
    app.jinja_env.globals["live_url"] = live_url


def hold_streams(app: Flask) -> Hub:
    """Make an application one that holds streams, and return its hub."""
    settings: Settings = app.extensions["settings"]

    def check(holder: Holder, streams: Iterable[Stream]) -> None:
        with app.app_context():
            end_what_is_not_theirs(holder, streams)

    hub = Hub(
        app,
        check,
        most=settings.stream_limit,
        most_of_one=settings.streams_per_person,
        check_seconds=settings.stream_check_seconds,
    )
    app.extensions["live_hub"] = hub
    app.after_request(_let_own_pages_read)  # refusals, too: a page that may not read them cannot tell them from a fault
    return hub


def add_live(blueprint: Blueprint, portal: str) -> None:
    """Give a portal its stream."""

    @blueprint.get("/live", endpoint="live")
    @signed_in_only
    def live() -> Response:
        """Tell an open page what changes, as long as it stays open."""
        principal = find_principal()
        assert principal is not None
        topics = wanted_topics()
        if not topics <= heard_by(portal, principal.signed_in.permissions):
            raise Forbidden
        ids = {str(principal.id), str(principal.patient_id or principal.id)}
        return stream_to(
            Holder(principal.hospital, portal, str(principal.id), principal.token, request.remote_addr, frozenset(ids)),
            topics,
        )


def wanted_topics() -> frozenset[str]:
    """Return the topics that a page asks for."""
    return frozenset(word for word in request.args.get("topics", "").split(",") if word)


def heard_by(portal: str, permissions: frozenset[str]) -> frozenset[str]:
    """Return the topics of which somebody may hear."""
    return frozenset(
        topic for (of, topic), needed in _topics.items() if of == portal and (needed is None or needed in permissions)
    )


def stream_to(holder: Holder, topics: frozenset[str]) -> Response:
    """Answer with a stream; raises NotFound in a process that holds none, StreamsFull where there are too many."""
    hub: Hub | None = current_app.extensions.get("live_hub")
    if hub is None:
        raise NotFound
    try:
        stream = hub.open(holder, topics)
    except TooManyStreams:
        raise StreamsFull from None
    after = request.headers.get("Last-Event-ID") or request.args.get("after")
    began_at = hub.replay(stream, after)
    response = Response(_Frames(hub, stream, began_at), mimetype="text/event-stream")
    response.headers.update(HEADERS)
    return response


class _Frames:
    """The text of a stream. The server closes it when the page is gone, also before the first line was sent."""

    __slots__ = ("_frames", "_hub", "_stream")

    def __init__(self, hub: Hub, stream: Stream, began_at: str) -> None:
        self._hub = hub
        self._stream = stream
        self._frames = frames_of(stream, began_at)

    def __iter__(self) -> Iterator[str]:
        return self._frames

    def close(self) -> None:
        self._frames.close()  # type: ignore[attr-defined]
        self._hub.close(self._stream)


def frames_of(stream: Stream, began_at: str) -> Iterator[str]:
    """Write what a stream is told; a comment now and then shows both sides that the other is there."""
    yield f"retry: {RETRY_MILLISECONDS}\nid: {began_at}\nevent: open\ndata: {{}}\n\n"
    while True:
        changes = stream.take(BEAT_SECONDS)
        if changes:
            yield "".join(frame_of(id_, change) for id_, change in changes)
        if stream.ended is not None:
            yield f"event: {stream.ended}\ndata: {{}}\n\n"
            return
        if not changes:
            yield ": still here\n\n"


def frame_of(id_: str, change: Change) -> str:
    """Write one change: its topic and key. Whom it concerns is known already to who hears it."""
    if change.topic == EVERYTHING:
        return f"id: {id_}\nevent: everything\ndata: {{}}\n\n"
    data = json.dumps({"topic": change.topic, "key": change.key})
    return f"id: {id_}\nevent: change\ndata: {data}\n\n"


def end_what_is_not_theirs(holder: Holder, streams: Iterable[Stream]) -> None:
    """End the streams of somebody who is signed out, may not come in from where they are, or hears too much."""
    heard = _still_heard(holder)
    for stream in streams:
        if not stream.topics <= heard:
            stream.end("over")


def declare_holder(kind: str, portal: str, hears: Hears) -> None:
    """Declare who holds streams without being signed in, at which portal, and of which topics they hear by now."""
    _holders[kind] = (portal, hears)


def _still_heard(holder: Holder) -> frozenset[str]:
    """Return the topics that a holder hears by now: none where it is nobody any more."""
    portal, hears = _holders.get(holder.portal, (holder.portal, _signed_in_hears))
    with bind_hospital(holder.hospital) if holder.hospital else nullcontext():
        undo = set_read_only(True)
        try:
            gateway = gateway_store().get(find_bound_hospital(), portal)
            if gateway.levels and not gateway.judge(parse_address(holder.address), clock.now().timestamp()).admitted:
                return frozenset()
            return hears(holder)
        finally:
            undo()


def _signed_in_hears(holder: Holder) -> frozenset[str]:
    found = find_signed_in(holder.portal, holder.token, in_use=False)
    if found is None or str(found.account_id) != holder.account:
        return frozenset()
    return heard_by(holder.portal, found.permissions)


def live_origin() -> str | None:
    """Return the origin of streams where it is not the pages' own: another port of the same host."""
    settings: Settings = current_app.extensions["settings"]
    if settings.live_port is None:
        return None
    return f"{request.scheme}://{_host_name()}:{settings.live_port}"


def live_url(path: str) -> str:
    """Return where a page of this request finds a stream: at its own origin, or at that of streams."""
    return (live_origin() or "") + path


def _let_own_pages_read(response: Response) -> Response:
    """Let pages of the same host read a stream on its other port; cookies know no ports, origins do."""
    settings: Settings = current_app.extensions["settings"]
    origin = request.headers.get("Origin")
    if settings.live_port is None or origin is None:
        return response
    port = urlsplit(settings.base_url).port
    if origin == f"{request.scheme}://{_host_name()}" + (f":{port}" if port else ""):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.vary.add("Origin")
    return response


def _host_name() -> str:
    return urlsplit(f"//{request.host}").hostname or ""
