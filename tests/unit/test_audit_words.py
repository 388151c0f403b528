"""Every act that the code writes into a hospital's logs can be read by people."""

from __future__ import annotations

import re
from pathlib import Path

from app.domain.audit.words import SUBJECTS, VERBS, WHOLE, action_words

APP = Path(__file__).parents[2] / "app"
CALL = re.compile(r"record_(?:change|access|log_access)\((.*?)\)", re.DOTALL)
ACT = re.compile(r'"([a-z_]+)\.([a-z_]+)"')


def acts() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for package in ("domain", "hospital", "patient"):
        for file in (APP / package).rglob("*.py"):
            for call in CALL.findall(file.read_text()):
                found |= set(ACT.findall(call.split("event=")[0]))
    return found


def test_every_act_has_words() -> None:
    known = acts()
    assert len(known) > 30
    silent = {
        f"{subject}.{verb}"
        for subject, verb in known
        if f"{subject}.{verb}" not in WHOLE and (subject not in SUBJECTS or verb not in VERBS)
    }
    assert silent == set()


def test_what_nobody_knows_is_said_as_it_is() -> None:
    assert action_words("of.tomorrow") == "of.tomorrow"
