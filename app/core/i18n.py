"""The two names under which translatable text is marked in code; English sentences are the message ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext
from flask_babel.speaklater import LazyString

Translator = Callable[[str], str]
_translators: list[Translator] = [gettext]


def translate_with(translator: Translator) -> None:
    """Register who looks messages up; without anybody it is Flask-Babel."""
    _translators[:] = [translator]


def _(message: str, **variables: Any) -> str:
    """Translate a message now, into the language of the present request or job."""
    text = _translators[0](message)
    return text % variables if variables else text


def _l(message: str, **variables: Any) -> LazyString:
    """Mark a message that is translated when it is shown."""
    return LazyString(_, message, **variables)
