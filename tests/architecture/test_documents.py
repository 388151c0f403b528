"""The documents say what is there: links lead somewhere; settings, targets and dependencies are the present ones."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from app.config import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
DECISIONS = ROOT / "docs" / "adr"
DEPLOYMENT = ROOT / "docs" / "operations" / "deployment.md"
FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
MADE = re.compile(r"(?:`|^ *|[A-Z_]+=\S+ )make ([a-z][a-z-]*)(?=`|\s|$)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
FILE = re.compile(r"`((?:app|migrations|scripts|tests|requirements|docs|bench)/[\w./-]*\w/?)`")
SETTING = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \|", re.MULTILINE)
PACKAGES = re.compile(r"^\| ([a-z][\w., ()-]*?) \| .+ \| .+ \|$", re.MULTILINE)


def read(name: str) -> str:
    """Return a document without its blocks of code."""
    return FENCED.sub("", (ROOT / name).read_text())


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that a document's headings get."""
    headings = HEADING.findall(FENCED.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_within_the_repository_leads_somewhere(name: str) -> None:
    dead = []
    for link in LINK.findall(read(name)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (ROOT / name).parent / place if place else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_is_there(name: str) -> None:
    named = {file for file in FILE.findall(read(name)) if "<" not in file}
    assert {file for file in named if not (ROOT / file).exists()} == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    assert set(MADE.findall((ROOT / name).read_text())) - targets == set()


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = dict(SETTING.findall(DEPLOYMENT.read_text()))
    assert table == {name.upper(): _default(name) for name in Settings.model_fields}


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.is_required():
        return "required"
    return "not set" if field.default is None else f"`{field.default}`"


def test_every_direct_dependency_has_its_line_and_no_other_has() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text().partition("\n## Production")[2]
    cells = [re.sub(r"\(.*?\)", "", cell) for cell in PACKAGES.findall(text)]
    listed = {package.strip() for cell in cells for package in cell.split(",")} - {"package"}
    assert listed == _direct_dependencies()


def _direct_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(chain(project["project"]["dependencies"], *project["dependency-groups"].values()))
    found = [re.match(r"[A-Za-z0-9._-]+", entry) for entry in wanted if isinstance(entry, str)]
    return {match.group().lower() for match in found if match}


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    assert LINK.findall((DECISIONS / "README.md").read_text()) == files


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_says_what_was_decided_and_what_it_costs(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.name[:4]} ")
    assert re.search(r"^Status: (accepted|superseded by \[\d{4}\])", text, re.MULTILINE)
    assert HEADING.findall(text)[1:] == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60, "one page at most"
