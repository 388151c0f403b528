"""Looking for words in bytes, also where they were packed, escaped or encoded on the way."""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from tests.support.world import CANARY, World

TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
ESCAPED = re.compile(rb"\\u([0-9a-fA-F]{4})")
DEPTH = 3


def forms_of(content: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield content as it is and as it reads once unpacked: percent signs, entities, base64, hexadecimal, zlib."""
    yield content.lower()
    if depth == 0:
        return
    seen = {content}
    for form in _unpacked(content):
        if form and form not in seen:
            seen.add(form)
            yield from forms_of(form, depth - 1)


def _unpacked(content: bytes) -> Iterator[bytes]:
    if b"%" in content:
        yield unquote_to_bytes(content)
    if b"&" in content and b";" in content:
        yield html.unescape(content.decode(errors="replace")).encode()
    if ESCAPED.search(content):
        yield ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(errors="replace"), content)
    for window in (zlib.MAX_WBITS, zlib.MAX_WBITS | 16):
        try:
            yield zlib.decompressobj(window).decompress(content)
        except zlib.error:
            continue
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (name.encode() for name in archive.namelist())
            yield from (archive.read(name) for name in archive.namelist())
    for token in TOKEN.findall(content):
        yield from _of_base64(token)
    for run in HEX.findall(content):
        yield binascii.unhexlify(run)


def _of_base64(token: bytes) -> Iterator[bytes]:
    """A signed value is base64 up to its first dot, and may be packed beneath."""
    plain = token.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        yield base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return


def find_words(content: bytes, words: Iterable[str]) -> set[str]:
    """Return which of the words stand in content, in any of its forms."""
    wanted = {word: word.lower().encode() for word in words}
    found: set[str] = set()
    for form in forms_of(content):
        found |= {word for word, raw in wanted.items() if raw in form}
    return found


def everybodys_words(worlds: Iterable[World]) -> list[str]:
    """Return what must stand in no shared place: the canaries, and the numbers by which patients are known."""
    words = [CANARY]
    for world in worlds:
        for patient in (world.patient, world.other):
            words += [patient.cccd, patient.phone, patient.phone.replace("+84", "0")]
    return list(dict.fromkeys(words))
