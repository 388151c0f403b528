"""`/metrics` is what Prometheus reads, says nothing of patients, and is for those who may ask; so are the probes."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from app.cli.run import gunicorn
from app.core.db import db
from app.core.embedded.ports import find_free
from app.core.queue import enqueue, queue_named
from app.core.supervisor import answers
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.health import central, check_all
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.web.metrics import requests as measuring
from app.web.security import limiter
from tests.factories import make_appointment, make_patient
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).parents[3]
TOKEN = "a-token-of-some-length"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def another(platform: Platform, app: Flask) -> Iterator[Callable[..., Flask]]:
    """`another(proxy_hops=1)`: a further application. The limiter is one for all, so it is put back afterwards."""
    kept = dict(vars(limiter))
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(platform.make_app(**changes))
        return made[-1]

    yield make
    vars(limiter).update(kept)
    for one in made:
        with one.app_context():
            tenancy().engines.dispose()
            db.engine.dispose()


def read(text: str) -> Samples:
    """Parse what Prometheus would."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def samples_of(app: Flask) -> Samples:
    response = app.test_client().get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    assert response.headers["Cache-Control"] == "no-store"
    return read(response.get_data(as_text=True))


def test_what_requests_did_is_counted_by_portal_and_route_and_never_by_address(
    app: Flask, alpha: str, bound: Any, sign_in_staff: Any
) -> None:
    browser: CheckingClient = sign_in_staff(alpha, "doctor")
    with bound(alpha):
        patient = make_patient()
        make_appointment(doctor_id=browser.person["id"], patient_id=patient.id)
        patient_id, name, cccd = patient.id, patient.full_name, patient.cccd
    route = "/hospital/patients/<uuid:patient_id>"
    labels = (("method", "GET"), ("portal", "hospital"), ("route", route))
    before = samples_of(app)
    assert browser.get(f"/h/alpha/hospital/patients/{patient_id}").status_code == 200
    app.test_client().get("/h/alpha/hospital/no-such-page")
    after = samples_of(app)

    def grown(name: str, *pairs: tuple[str, str]) -> float:
        key = (name, tuple(sorted(pairs)))
        return after.get(key, 0) - before.get(key, 0)

    assert grown("vien_http_requests_total", *labels, ("status", "2xx")) == 1
    assert grown("vien_http_request_duration_seconds_count", *labels) == 1
    assert 0 < grown("vien_http_request_duration_seconds_sum", *labels) < 30
    named = (("hospital", "alpha"), ("portal", "hospital"))
    assert grown("vien_hospital_requests_total", *named, ("status", "2xx")) == 1
    text = app.test_client().get("/metrics").get_data(as_text=True)
    for secret in (str(patient_id), name, cccd, "no-such-page", browser.person["username"]):
        assert secret not in text


def test_connections_and_engines_of_the_process_are_told(app: Flask, alpha: str, sign_in_staff: Any) -> None:
    sign_in_staff(alpha, "doctor")
    samples = samples_of(app)
    assert samples[("vien_database_connections", (("state", "open"),))] >= 1
    assert samples[("vien_database_connections", (("state", "limit"),))] > 1
    assert samples[("vien_engines", ())] >= 1
    assert samples[("vien_engine_events_total", (("event", "made"),))] >= 1
    assert ("vien_database_connection_events_total", (("event", "timeouts"),)) in samples


def test_the_platform_is_told_hospital_by_hospital(app: Flask, alpha: str, beta: str) -> None:
    with app.app_context():
        queue_named("fleet").empty()
        check_all()
        with unit_of_work():
            wanted = request_operation(ACTOR, "fleet.check_isolation", wake=False).id
        perform(wanted)
        assert enqueue("check_health")
    samples = samples_of(app)
    assert samples[("vien_central_database_up", ())] == 1
    assert samples[("vien_redis_up", ())] == 1
    assert samples[("vien_hospitals", (("condition", "up"),))] == 2
    assert samples[("vien_hospitals", (("condition", "down"),))] == 0
    for code in (alpha, beta):
        assert samples[("vien_hospital_up", (("hospital", code),))] == 1
        assert samples[("vien_hospital_size_bytes", (("hospital", code),))] > 1_000_000
        assert 0 < samples[("vien_hospital_response_seconds", (("hospital", code),))] < 10
    assert samples[("vien_service_up", (("service", "cluster:main"),))] == 1
    assert samples[("vien_queue_jobs", (("queue", "fleet"),))] == 1
    assert samples[("vien_queue_oldest_age_seconds", (("queue", "fleet"),))] >= 0
    assert samples[("vien_operations", (("state", "succeeded"),))] == 1
    assert samples[("vien_isolation_passed", ())] == 1
    assert samples[("vien_isolation_check_age_seconds", ())] < 600


def test_what_cannot_be_asked_is_left_out_and_told(another: Callable[..., Flask]) -> None:
    without_redis = another(redis_url="redis://127.0.0.1:1/0")
    samples = samples_of(without_redis)
    assert samples[("vien_redis_up", ())] == 0
    assert not [name for name, _ in samples if name.startswith("vien_queue")]
    assert samples[("vien_central_database_up", ())] == 1


def test_the_number_of_series_stays_finite(monkeypatch: Any) -> None:
    monkeypatch.setattr(measuring, "MOST_HOSPITALS", 2)
    monkeypatch.setattr(measuring, "_codes", set())
    assert [measuring._bounded(code) for code in ("a", "b", "c", "a")] == ["a", "b", "other", "a"]


@pytest.mark.parametrize(
    ("path", "environ"),
    [
        ("/metrics", {"REMOTE_ADDR": "203.0.113.7"}),
        ("/metrics", {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}),
        ("/metrics", {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"}),
        ("/metrics", {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"}),
        ("/metrics", {"REMOTE_ADDR": ""}),
        ("/h/alpha/metrics", {"REMOTE_ADDR": "127.0.0.1"}),
    ],
)
def test_without_a_token_only_this_machine_reads_and_no_proxy_on_it(
    app: Flask, path: str, environ: dict[str, str]
) -> None:
    assert app.test_client().get(path, environ_overrides=environ).status_code == 404


def test_behind_a_proxy_hop_the_peer_counts_and_not_what_the_header_says(another: Callable[..., Flask]) -> None:
    behind = another(proxy_hops=1).test_client()
    forged = {"REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}
    assert behind.get("/metrics", environ_overrides=forged).status_code == 404
    assert behind.get("/metrics").status_code == 200


def test_with_a_token_it_is_the_token_that_counts(another: Callable[..., Flask]) -> None:
    guarded = another(metrics_token=TOKEN).test_client()
    away = {"REMOTE_ADDR": "203.0.113.7"}
    for given in (None, "Bearer wrong-token-of-some", TOKEN, f"Basic {TOKEN}", "Bearer ", "Bearer é"):
        headers = {"Authorization": given} if given else {}
        assert guarded.get("/metrics", headers=headers).status_code == 404, given
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/metrics", headers=right, environ_overrides=away).status_code == 200


def test_the_figures_are_at_the_platforms_own_address(another: Callable[..., Flask]) -> None:
    alone = another(default_hospital="alpha").test_client()
    assert alone.get("/metrics").status_code == 200
    by_host = another(base_url="https://vien.example", hospital_host_suffix="vien.example").test_client()
    assert by_host.get("/metrics", base_url="http://vien.example").status_code == 200
    assert by_host.get("/metrics", base_url="http://alpha.vien.example").status_code == 404
    assert by_host.get("/metrics", base_url="http://benh-vien.example").status_code == 404


def test_several_processes_answer_as_one(platform: Platform, app: Flask) -> None:
    port = find_free()
    environment = {**os.environ, **platform.environment(port), "LOG_LEVEL": "ERROR", "WEB_CONCURRENCY": "2"}
    environment.pop("DATABASE_ADMIN_URL")
    with subprocess.Popen(gunicorn(port), env=environment, cwd=ROOT) as process:
        try:
            limit = time.monotonic() + 60
            while not answers(f"http://127.0.0.1:{port}/healthz"):
                assert time.monotonic() < limit
                time.sleep(0.1)
            first = seen(port)
            for _ in range(30):
                wait_until_ready(port)
            assert seen(port) - first == 30
            folders = list((platform.var / "metrics").iterdir())
            assert [folder.name for folder in folders] == [str(process.pid)]
        finally:
            process.terminate()


def test_the_probes_say_yes_or_no_and_nothing_else(client: CheckingClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ok", "central_database": True, "redis": True}


def test_a_central_database_that_hangs_is_told_in_seconds(
    another: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central, "LIMIT_SECONDS", 2)
    with silent_server() as port:
        address = f"postgresql://vien_web:geheim@127.0.0.1:{port}/vien"
        hanging = another(database_url=address, connect_timeout_seconds=2)
        client = hanging.test_client()
        response = client.get("/readyz")
        assert (response.status_code, response.get_json()["status"]) == (503, "unavailable")
        assert "geheim" not in response.get_data(as_text=True)
        assert client.get("/healthz").status_code == 200
        samples = samples_of(hanging)
        assert samples[("vien_central_database_up", ())] == 0


def wait_until_ready(port: int) -> None:
    """Ask until the answer is yes; any other is none of the answers that are counted."""
    limit = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60):
                return
        except urllib.error.HTTPError as refusal:
            refusal.close()
        assert time.monotonic() < limit


def seen(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
        samples = read(response.read().decode())
    labels = (("method", "GET"), ("portal", "other"), ("route", "/readyz"), ("status", "2xx"))
    return samples.get(("vien_http_requests_total", labels), 0)


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a port, accept, and say nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]
