"""Versions that forms carry are read from whatever a browser sends."""

from __future__ import annotations

import pytest

from app.web.versions import read_version


@pytest.mark.parametrize(("sent", "version"), [("0", 0), ("7", 7), (" 12 ", 12), ("999999999", 999_999_999)])
def test_a_version_is_read(sent: str, version: int) -> None:
    assert read_version(sent) == version


@pytest.mark.parametrize("sent", [None, "", "x", "-1", "1.5", "²", "٣", "1" * 10, "9" * 5000])
def test_what_is_no_version_is_none(sent: str | None) -> None:
    assert read_version(sent) is None
