"""What every template must be: parsable, translatable, and without anything the content security policy refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from tests.support.platform import Platform

ROOT = Path(__file__).parents[2] / "app" / "templates"
TEMPLATES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.html"))
NOT_WORDS = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1>|<[^>]*>|&[a-z#0-9]+;", re.DOTALL | re.IGNORECASE)
SPOKEN = re.compile(r'\s(?:aria-label|placeholder|title|alt)="([^"{]*[A-Za-zÀ-ỹ]{2}[^"]*)"')
WORD = re.compile(r"[A-Za-zÀ-ỹ]{2,}")
FOR_ATTRIBUTES = {"body_class", "frame_class"}
NAMES = {"Vien", "VI", "EN", "CCCD", "BHYT", "Tiếng Việt", "English", "HTML", "Ctrl"}


@pytest.fixture
def jinja(platform: Platform) -> Environment:
    """The application's environment; nothing is done with the application."""
    return platform.app.jinja_env


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 20


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_parses(jinja: Environment, name: str) -> None:
    jinja.get_template(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_nothing_inline(name: str) -> None:
    source = (ROOT / name).read_text()
    assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[^=]*)\s*=", source)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)", source) or "nonce=" in source
    assert "|safe" not in source.replace(" ", "")


def test_what_asks_by_itself_says_so_and_keeps_nobody_signed_in() -> None:
    asking = re.compile(r"<[^>]*hx-trigger=\"(?:[^\"]*every |live)[^>]*>", re.DOTALL)
    found = [(name, tag) for name in TEMPLATES for tag in asking.findall((ROOT / name).read_text())]
    assert len(found) > 3
    assert [name for name, tag in found if "poll=1" not in tag] == []


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != "admin/components.html"])
def test_every_visible_word_can_be_translated(jinja: Environment, name: str) -> None:
    tree = jinja.parse((ROOT / name).read_text())
    text = "".join(_literal_text(tree))
    chunks = {chunk.strip(" {}–") for chunk in NOT_WORDS.sub("\n", text).splitlines() if WORD.search(chunk)}
    assert not chunks - NAMES, "text that no catalogue can translate"
    assert not [spoken for spoken in SPOKEN.findall(text) if spoken not in NAMES]


def _literal_text(tree: nodes.Template) -> Iterator[str]:
    """Yield the template's own text; what stands between is marked so that attributes stay recognisable."""
    for_attributes = {
        id(node)
        for block in tree.find_all(nodes.Block)
        if block.name in FOR_ATTRIBUTES
        for node in block.find_all(nodes.TemplateData)
    }
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            is_text = isinstance(node, nodes.TemplateData) and id(node) not in for_attributes
            yield node.data if is_text else "{}"
