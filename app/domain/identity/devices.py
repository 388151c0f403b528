"""What a browser calls itself, in words that its owner recognises. It is a claim: nothing is decided by it."""

from __future__ import annotations

import re

from app.core.errors import Text
from app.core.i18n import _l

# The first that fits counts: most browsers also name those that they want to be taken for.
BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"coc_coc_browser", "Cốc Cốc"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Zalo", "Zalo"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/", "Chrome"),
    (r"Safari/", "Safari"),
)
SYSTEMS = (
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"Mac OS X|Macintosh", "macOS"),
    (r"CrOS", "ChromeOS"),
    (r"Linux", "Linux"),
)


def describe_device(user_agent: str | None) -> Text:
    """Return a browser and its system in words, such as `Chrome on Windows`."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return _l("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _l("Unknown browser")


def _first(names: tuple[tuple[str, str], ...], user_agent: str | None) -> str | None:
    return next((name for pattern, name in names if re.search(pattern, user_agent or "")), None)
