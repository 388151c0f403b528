"""Gate 2: words of one hospital or patient stand nowhere else, and the search would find them if they did."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from prometheus_client import Gauge

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.messages.delivery import deliver_due
from app.domain.messages.due_reminders import queue_due_reminders
from app.domain.messages.models import Channel
from app.domain.patients.models import Patient, Sex
from app.tenancy.binding import bind_hospital
from app.tenancy.ending.exit_kits import write_here
from app.web.metrics.requests import OWN
from tests.isolation import day
from tests.isolation.asking import ELSEWHERE, HERE, Stage, routes
from tests.isolation.canaries import everybodys_words, find_words
from tests.isolation.places import (
    Place,
    listening,
    presets_kept,
    read_database,
    read_files,
    read_metrics,
    shared_places,
)
from tests.support.platform import ACTOR, Platform
from tests.support.world import CANARY


@pytest.fixture
def presets(platform: Platform) -> Iterator[None]:
    """Whatever the day changes of roles, rules and other presets is put back."""
    with presets_kept(platform):
        yield


def zipped(word: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", word)
    return packed.getvalue()


def search(place: Place, words: list[str]) -> list[str]:
    """Return where in a place which of the words stand."""
    return [
        f"{place.name}, {where}: {sorted(found)}" for where, what in place.read() if (found := find_words(what, words))
    ]


@pytest.mark.parametrize(
    "hide",
    [
        lambda word: word.encode(),
        lambda word: word.swapcase().encode(),
        lambda word: b"\\x" + word.encode().hex().encode(),
        lambda word: zlib.compress(word.encode()),
        lambda word: gzip.compress(word.encode()),
        lambda word: base64.b64encode(b"before " + word.encode() + b" behind"),
        lambda word: base64.urlsafe_b64encode(zlib.compress(b'{"flash": "%s"}' % word.encode())).rstrip(b"="),
        lambda word: "".join(f"%{ord(letter):02x}" for letter in word).encode(),
        lambda word: "".join(f"&#{ord(letter)};" for letter in word).encode(),
        lambda word: "".join(f"\\u{ord(letter):04x}" for letter in word).encode(),
        zipped,
    ],
)
def test_the_search_finds_a_word_however_it_is_packed(hide: Any) -> None:
    assert find_words(b"harmless " * 3, [CANARY]) == set()
    assert find_words(hide(CANARY), [CANARY]) == {CANARY}


@pytest.mark.parametrize("name", ["Redis", "jobs", "central database", "file store", "log", "metrics"])
def test_the_search_finds_a_word_planted_in_each_place(stage: Stage, platform: Platform, name: str) -> None:
    with listening() as log:
        place = next(place for place in places(stage, platform, log) if place.name == name)
        assert search(place, [CANARY]) == []
        undo = place.plant(CANARY)
        try:
            assert search(place, [CANARY]) != []
        finally:
            if callable(undo):
                undo()
            if name == "central database":
                with platform.admin() as connection:
                    connection.execute("UPDATE hospitals SET status_reason = NULL")


@pytest.mark.parametrize("where", ["body", "header", "cookie", "file"])
def test_the_search_finds_a_word_planted_in_an_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    word = stage.worlds["elsewhere"].canary
    planted = {
        "body": lambda: Response(f"<p>{word.lower()}</p>", mimetype="text/html"),
        "header": lambda: Response("", headers={"X-Word": word}),
        "cookie": lambda: Response("", headers={"Set-Cookie": f"x={base64.b64encode(word.encode()).decode()}"}),
        "file": lambda: Response(zipped(word), mimetype="application/zip"),
    }[where]
    planted.__dict__.update(stage.app.view_functions["hospital.today"].__dict__)
    monkeypatch.setitem(stage.app.view_functions, "hospital.today", planted)
    rule = next(rule for rule, _ in routes(stage.app) if rule.endpoint == "hospital.today")
    stage.ask(stage.by_portal["hospital"][0], rule, "GET")
    assert len(stage.leaks) == 1


@pytest.mark.usefixtures("presets")
def test_after_a_day_of_both_hospitals_no_shared_place_holds_a_word(
    stage: Stage, platform: Platform, record_property: Any
) -> None:
    """Everybody does everything that their portal lets them, with words of their patients; then all jobs are done."""
    words, found = everybodys_words(stage.worlds.values()), []
    with listening() as log:
        day.live_through(stage)
        day.wake(stage.app, (HERE, ELSEWHERE))
        shared = places(stage, platform, log)
        found += [where for place in shared for where in search(place, words)]
        day.perform_jobs(stage.app)
        found += [where for place in shared for where in search(place, words)]
    assert (stage.leaks, stage.failures) == ([], [])
    assert found == []
    for code, other in ((HERE, ELSEWHERE), (ELSEWHERE, HERE)):
        database = list(read_database(platform, code))
        assert [table for table, rows in database if find_words(rows, [f"{CANARY}{other.upper()}"])] == []
        assert len([table for table, rows in database if find_words(rows, [f"{CANARY}{code.upper()}"])]) > 10
    read = sum(1 for place in shared for _ in place.read())
    record_property(
        "isolation",
        {"gate": "canaries", "words": len(words), "places": len(shared), "contents": read, "requests": stage.requests},
    )


def test_an_exit_kit_holds_its_own_hospitals_words_and_no_others(stage: Stage, tmp_path: Path) -> None:
    with stage.app.app_context():
        write_here(ACTOR, HERE, tmp_path / "kit", lambda *_heard: None)
    place = Place("exit kit", lambda: read_files(tmp_path / "kit"), lambda _word: None)
    assert search(place, [stage.worlds["elsewhere"].canary]) == []
    assert search(place, [stage.worlds["here"].patient.canary]) != []


def test_a_message_speaks_to_its_patient_of_nobody_else(stage: Stage) -> None:
    recorder = day.Recorder()
    with stage.app.app_context():
        for code in (HERE, ELSEWHERE):
            with bind_hospital(code):
                with unit_of_work():
                    queue_due_reminders()
                deliver_due(dict.fromkeys(Channel, recorder))  # type: ignore[arg-type]
    assert len(recorder.letters) > 6
    everybody = [patient for world in stage.all_worlds for patient in (world.patient, world.other)]
    for letter in recorder.letters:
        named = {who.canary for who in everybody if who.canary in f"{letter.recipient}{letter.subject}{letter.body}"}
        assert len(named) <= 1, letter
        assert all(word.startswith(f"{CANARY}{letter.hospital.upper()}") for word in named), letter


@pytest.mark.parametrize("failure", ["an error", "a value that stands already", "a row that lacks something"])
def test_an_error_page_and_its_log_line_hold_no_patients_data(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    """What the database says of a refused row quotes the row; the page and the log must not."""
    patient, doctor = stage.worlds["here"].patient, stage.by_portal["hospital"][0]

    def broken() -> str:
        if failure == "an error":
            raise ZeroDivisionError
        stands = failure == "a value that stands already"
        born_on, cccd = (date(1980, 5, 17), patient.cccd) if stands else (None, None)
        db.session.add(
            Patient(full_name=patient.canary, street=patient.canary, sex=Sex.FEMALE, born_on=born_on, cccd=cccd)
        )
        db.session.flush()
        return "written"

    broken.__dict__.update(stage.app.view_functions["hospital.patients_create"].__dict__)
    monkeypatch.setitem(stage.app.view_functions, "hospital.patients_create", broken)
    doctor = next(person for person in stage.by_portal["hospital"] if person.name == "receptionist")
    rule = next(r for r, method in routes(stage.app) if (r.endpoint, method) == ("hospital.patients_create", "POST"))
    with listening() as log:
        response = stage.send(doctor, rule, "POST")
    assert response.status_code == 500
    assert "unexpected error" in log.getvalue()
    for text in (response.get_data(), log.getvalue().encode()):
        assert find_words(text, [CANARY, patient.cccd, patient.phone]) == set()


def places(stage: Stage, platform: Platform, log: io.StringIO) -> list[Place]:
    def in_a_metric(word: str) -> Any:
        gauge = Gauge("planted", "planted", ["word"], registry=OWN)
        gauge.labels(word).set(1)
        return lambda: OWN.unregister(gauge)

    return [
        *shared_places(stage.app, platform, log),
        Place("metrics", lambda: read_metrics(stage.app), in_a_metric),
    ]
