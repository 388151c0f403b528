"""What results mean in plain words: where a value stands, and what to do next. Nothing is said beyond the range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import Text
from app.core.i18n import _, _l
from app.domain.laboratory.models import Flag
from app.domain.laboratory.rules import range_words, value_words

SENTENCE: dict[Flag, Text] = {
    Flag.NORMAL: _l("It lies within the usual range."),
    Flag.LOW: _l("It is lower than usual."),
    Flag.HIGH: _l("It is higher than usual."),
    Flag.CRITICAL_LOW: _l("It is much too low. A doctor should see it without delay."),
    Flag.CRITICAL_HIGH: _l("It is much too high. A doctor should see it without delay."),
    Flag.ABNORMAL: _l("It differs from what is usual."),
    Flag.CRITICAL: _l("It differs very much from what is usual. A doctor should see it without delay."),
}
TONE: dict[Flag, str] = {
    Flag.NORMAL: "success",
    Flag.LOW: "warning",
    Flag.HIGH: "warning",
    Flag.CRITICAL_LOW: "danger",
    Flag.CRITICAL_HIGH: "danger",
    Flag.ABNORMAL: "warning",
    Flag.CRITICAL: "danger",
}
SHORT: dict[Flag, Text] = {
    Flag.NORMAL: _l("Usual"),
    Flag.LOW: _l("Low"),
    Flag.HIGH: _l("High"),
    Flag.CRITICAL_LOW: _l("Much too low"),
    Flag.CRITICAL_HIGH: _l("Much too high"),
    Flag.ABNORMAL: _l("Unusual"),
    Flag.CRITICAL: _l("Very unusual"),
}


def value(row: Any) -> str:
    """Say a value with its unit."""
    return f"{value_words(row.value, row.text, row.comparator)} {row.unit or ''}".strip()


def usual(row: Any) -> str:
    """Say the usual range."""
    return range_words(row.range_low, row.range_high)


def sentence(row: Any) -> Text:
    """Say where a value stands."""
    if row.flag:
        return SENTENCE[row.flag]
    if usual(row):
        return _("It cannot be compared with the usual range. Ask your doctor what it means for you.")
    return _("There is no usual range to compare it with.")


def next_step(row: Any, values: Sequence[Any], attached: Sequence[Any] = ()) -> Text:
    """Say what to do about a report: nothing only where values are all there is, and every one of them is usual."""
    if row.has_critical:
        return _("If the hospital has not called you yet, call it now or come today. If you feel very ill, call 115.")
    if row.has_abnormal:
        return _("A value beside the usual range is not always a disease. Ask your doctor about it at the next visit.")
    words = row.findings or row.interpretation or attached
    if values and not words and all(one.flag is Flag.NORMAL for one in values):
        return _("You need to do nothing because of this result. Keep to what your doctor advised.")
    return _("Ask your doctor what this result means for you.")
