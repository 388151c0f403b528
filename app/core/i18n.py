"""The two names under which translatable text is marked in code; English sentences are the message ids."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_babel.speaklater import LazyString


def _(message: str, **variables: Any) -> str:
    """Translate a message now, into the language of the present request or job."""
    translated: str = gettext(message, **variables)
    return translated


def _l(message: str, **variables: Any) -> LazyString:
    """Mark a message that is translated when it is shown."""
    return lazy_gettext(message, **variables)
