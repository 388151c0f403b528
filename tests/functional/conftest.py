"""A running platform (gunicorn, worker, scheduler, a mail sink) and real browsers that look at it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from app.cli.run import flask, gunicorn, streams
from app.core.embedded.ports import find_free
from app.core.supervisor import answers
from tests.functional.pages import Watched
from tests.functional.sink import MailSink
from tests.support.platform import Platform

ROOT = Path(__file__).parents[2]
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def mail() -> Iterator[MailSink]:
    """A real SMTP server that keeps what it receives."""
    with MailSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def site(platform: Platform, mail: MailSink) -> Iterator[str]:
    """The address of the running platform."""
    port, live = find_free(), find_free()
    environment = {**os.environ, **platform.environment(port), "MAIL_URL": mail.url, "LOG_LEVEL": "WARNING"}
    environment |= {"LIVE_PORT": str(live), "STREAMS_BIND": f"127.0.0.1:{live}"}
    web = {name: value for name, value in environment.items() if name != "DATABASE_ADMIN_URL"}
    address = f"http://127.0.0.1:{port}"
    processes = [
        subprocess.Popen(gunicorn(port), env=web, cwd=ROOT),
        subprocess.Popen(streams(), env=web, cwd=ROOT),
        subprocess.Popen(flask("relay"), env=web, cwd=ROOT),
        subprocess.Popen(flask("worker"), env=environment, cwd=ROOT),
        subprocess.Popen(flask("scheduler"), env=environment, cwd=ROOT),
    ]
    try:
        wait_until(lambda: answers(f"{address}/healthz"), "the platform answers", 90)
        yield address
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser that `scripts/ensure-chromium` found or installed."""
    path = os.environ.get("CHROMIUM") or subprocess.run(
        [str(ROOT / "scripts" / "ensure-chromium")], check=True, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    sandbox = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium: Browser, site: str) -> Iterator[Callable[..., Watched]]:
    """`open_browser(PHONE)`: a browser of its own with one page, watched for errors."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def open_one(shape: dict[str, Any] = DESKTOP, **options: Any) -> Watched:
        context = chromium.new_context(
            base_url=site, locale="vi-VN", reduced_motion="reduce", timezone_id="Asia/Ho_Chi_Minh", **shape, **options
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        pages.append(Watched(context.new_page(), javascript=options.get("java_script_enabled", True)))
        return pages[-1]

    yield open_one
    for context in contexts:
        context.close()
    assert [fault for page in pages for fault in page.faults] == []


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the first true answer of a condition; fail when it does not come in time."""
    limit = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < limit, f"waited {seconds} s in vain until {what}"
        time.sleep(0.1)
    return answer
