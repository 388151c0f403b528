"""Nothing on a page is left untranslated: every message of an area stands in its Vietnamese catalogue, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

APP = Path(__file__).parents[2] / "app"
AREAS = {
    "core": ["core", "tenancy", "web", "jobs", "templates/layouts", "templates/components", "templates/errors",
             "templates/messages", "templates/landing", "templates/security", "templates/account",
             "templates/gateway"],
    "domain": ["domain"],
    "admin": ["admin", "templates/admin"],
    "hospital": ["hospital", "templates/hospital"],
    "patient": ["patient", "templates/patient"],
}  # fmt: skip
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}, "**.txt": {"trimmed": "true", "silent": "false"}}


def messages_in(area: str) -> set[str]:
    """Return the message ids used in an area's code and templates."""
    found: set[str] = set()
    for folder in AREAS[area]:
        if not (APP / folder).is_dir():
            continue
        for entry in extract_from_dir(APP / folder, METHODS, options_map=OPTIONS, keywords=KEYWORDS):
            message = entry[2]
            found.add(message if isinstance(message, str) else message[0])
    return found


def catalogue_of(area: str) -> Catalog:
    """Return an area's Vietnamese catalogue."""
    with (APP / "translations" / area / "vi" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale="vi")


@pytest.mark.parametrize("area", AREAS)
def test_every_message_is_translated(area: str) -> None:
    catalogue = catalogue_of(area)
    missing = sorted(
        message
        for message in messages_in(area)
        if message not in catalogue or not _text(catalogue, message) or catalogue[message].fuzzy
    )
    assert missing == []


@pytest.mark.parametrize("area", AREAS)
def test_a_catalogue_has_no_message_that_nobody_says(area: str) -> None:
    spoken = messages_in(area)
    left_over = sorted(str(entry.id) for entry in catalogue_of(area) if entry.id and _id(entry.id) not in spoken)
    assert left_over == []


@pytest.mark.parametrize("area", AREAS)
def test_a_translation_keeps_its_variables(area: str) -> None:
    faults = [(message.id, [str(error) for error in errors]) for message, errors in catalogue_of(area).check()]
    assert faults == []


def _id(message: str | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def _text(catalogue: Catalog, message: str) -> bool:
    text = catalogue[message].string
    return bool(text) if isinstance(text, str) else all(text)


def test_a_message_means_the_same_in_every_area() -> None:
    """The catalogues are merged when they are loaded: a second translation would silently replace the first."""
    said: dict[str, dict[str, str]] = {}
    for area in AREAS:
        for entry in catalogue_of(area):
            if entry.id:
                said.setdefault(_id(entry.id), {})[area] = str(entry.string)
    assert {message: words for message, words in said.items() if len(set(words.values())) > 1} == {}
