"""Patterns in a hospital's own rules: which of them no text makes slow.

How long a search takes grows with each choice that a pattern leaves open: a repeat of no fixed length, something that
may be missing, one of several branches. Two of them are quick in any text that a form takes; a repeated group is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.core.errors import InvalidValue
from app.core.i18n import _l

LONGEST_PATTERN, MOST_CHOICES = 200, 2
# Outside classes and escapes; a repeat takes the mark with it that makes it lazy or greedy for good.
_TOKEN = re.compile(
    r"""(?P<escape>\\.) | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<repeat>(?:[*+?]|\{\d*,\d*\})[?+]?) | (?P<times>\{\d+\}[?+]?) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that some text may make slow, or that is none; raises InvalidValue."""
    if len(pattern) > LONGEST_PATTERN or is_slow(pattern):
        raise InvalidValue(
            _l(
                "The pattern “%(pattern)s” may be slow: repeat no groups, and leave at most two things open.",
                pattern=pattern[:60],
            ),
            field="schema",
        )
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise InvalidValue(_l("“%(pattern)s” is not a pattern.", pattern=pattern[:60]), field="schema") from None


def is_slow(pattern: str) -> bool:
    """Tell whether a pattern refers back, looks around, repeats a group, or leaves open more than two choices."""
    choices, depth, before = 0, [0], ""
    branching: set[int] = set()
    for number, (kind, text) in enumerate(_tokens(pattern)):
        if (kind in ("repeat", "times") and before == ")") or (before == "(" and text[0] in "?*"):
            return True
        if kind == "escape" and text[1] in "123456789":
            return True
        if text == "(":
            depth.append(number + 1)
        elif text == ")" and len(depth) > 1:
            depth.pop()
        branching |= {depth[-1]} if text == "|" else set()
        choices += kind == "repeat"
        before = text
    return choices + len(branching) > MOST_CHOICES


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(pattern):
        yield str(found.lastgroup), found.group()
