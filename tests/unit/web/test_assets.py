"""The assets are whole, small enough, and served under names that never change their content."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from werkzeug.test import TestResponse

from app.web.assets import BUNDLES, SOURCE, UnknownAsset, bundle_contents, hashed_name, init_assets, publish

TEMPLATES = SOURCE.parent / "templates"
HTMX = "vendor/htmx.min.js"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    application = Flask("assets", static_folder=None)
    application.config["ASSETS_DIR"] = tmp_path
    init_assets(application)
    return application


@pytest.fixture
def served(app: Flask) -> Iterator[TestResponse]:
    url = app.extensions["assets"].url("css/app.css")
    with app.test_client() as client, client.get(url, headers={"Accept-Encoding": "gzip"}) as response:
        yield response


def zipped(*names: str) -> int:
    contents = bundle_contents()
    return sum(len(gzip.compress(contents[name], 9)) for name in names)


def test_scripts_of_the_staff_portals_fit_35_kb() -> None:
    assert zipped(HTMX, "js/portal.js", "js/shortcuts.js", "js/passkeys.js") <= 35 * 1024


def test_scripts_of_the_patient_portal_fit_25_kb() -> None:
    assert zipped(HTMX, "js/portal.js", "js/passkeys.js") <= 25 * 1024


def test_styles_fit_20_kb() -> None:
    assert zipped("css/app.css") <= 20 * 1024


def test_htmx_is_the_pinned_version() -> None:
    assert b'version="4.0.1"' in (SOURCE / HTMX).read_bytes()
    assert (SOURCE / "vendor/htmx.LICENSE.txt").exists()


def test_every_style_and_script_reaches_a_page() -> None:
    bundled = {part for parts in BUNDLES.values() for part in parts}
    sources = {path.relative_to(SOURCE).as_posix() for kind in ("css", "js") for path in (SOURCE / kind).iterdir()}
    assert sources - bundled == {"js/passkeys.js", "js/push.js", "js/push-worker.js", "js/shortcuts.js"}


def test_every_asset_that_a_template_names_exists() -> None:
    named = {
        name
        for template in TEMPLATES.rglob("*.html")
        for name in re.findall(r"static_url\(['\"]([^'\"]+)['\"]\)", template.read_text())
    }
    assert named
    assert named <= set(bundle_contents())


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    sprite = (SOURCE / "icons/sprite.svg").read_text()
    named = {
        name
        for template in TEMPLATES.rglob("*.html")
        for name in re.findall(r"\bicon(?:\(|=)['\"]([a-z0-9-]+)['\"]", template.read_text())
    }
    assert {name for name in named if f'<symbol id="{name}"' not in sprite} == set()


def test_nothing_is_fetched_from_elsewhere() -> None:
    for name, content in bundle_contents().items():
        if name.endswith((".css", ".svg")):
            assert not re.search(rb"url\(|@import|(?:href|src)=\"http|style=", content), name


def test_a_changed_file_gets_a_new_name() -> None:
    assert hashed_name("css/app.css", b"a") != hashed_name("css/app.css", b"b")
    assert re.fullmatch(r"css/app\.[0-9a-f]{12}\.css", hashed_name("css/app.css", b"a"))


def test_assets_may_be_kept_for_ever(served: TestResponse) -> None:
    assert served.status_code == 200
    assert "immutable" in served.headers["Cache-Control"]
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in served.headers


def test_assets_come_compressed_to_those_who_accept_it(served: TestResponse) -> None:
    assert served.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(served.data).startswith(b"/* The order in which rules win.")


def test_plain_names_are_not_served(app: Flask) -> None:
    assert app.test_client().get("/static/css/app.css").status_code == 404


def test_an_asset_that_is_not_there_fails_loudly(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(UnknownAsset, match="no-such"):
        render_template_string("{{ static_url('css/no-such.css') }}")


def test_addresses_are_the_same_at_every_hospital(app: Flask) -> None:
    with app.test_request_context("/hospital/", base_url="http://vien.example/h/hoa-binh"):
        assert render_template_string("{{ static_url('css/app.css') }}").startswith("/static/css/app.")


def test_publishing_again_leaves_what_is_there(tmp_path: Path) -> None:
    first = publish(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    second = publish(tmp_path)
    assert first == second
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_a_temporary_folder_goes_with_the_process_that_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    application = Flask("assets", static_folder=None)
    folder = init_assets(application).folder
    finalize = next(iter(_finalizers_of(application)))
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: -1)
        finalize.peek()[1](*finalize.peek()[2])  # type: ignore[index]
        assert folder.exists()
    finalize()
    assert not folder.exists()


def _finalizers_of(thing: object) -> Iterator[object]:
    import weakref

    registry = weakref.finalize._registry  # type: ignore[attr-defined]
    return iter([entry for entry in registry if (peeked := entry.peek()) and peeked[0] is thing])
