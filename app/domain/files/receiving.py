"""Taking files that people send: by what is in them and not by what they are called, and images only as drawn anew.

A PDF is kept as it came and shown as pictures of its pages. An image is read and written again, which leaves behind
whatever else was in the file: where a photograph was taken, and anything hidden in it. (ASVS 5.0, 5.2.1, 5.2.2, 5.2.6)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import PurePosixPath
from threading import BoundedSemaphore
from typing import IO, BinaryIO, Protocol, cast

import puremagic
from PIL import Image, ImageOps

from app.core.actor import Actor
from app.core.blobs import digest_of
from app.core.db import db
from app.core.errors import InvalidValue, Text
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.domain.files.keeping import destroy_file, note_file, store_content
from app.domain.files.models import File

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
IMAGES = frozenset({PNG, JPEG})
PAPERS = IMAGES | {PDF}
MOST_MB = 25
MOST_BYTES = MOST_MB * 1024 * 1024
# What is larger than this is not read at all; below it the form comes back with a sentence and all that was typed.
LARGEST_REQUEST = 2 * MOST_BYTES
MOST_PIXELS = 50_000_000
LONGEST_NAME = 120
HEAD, TAIL = 64 * 1024, 4096
_BEGINS = {PDF: b"%PDF-", PNG: b"\x89PNG\r\n\x1a\n", JPEG: b"\xff\xd8\xff"}
_ENDINGS = {PDF: ".pdf", PNG: ".png", JPEG: ".jpg"}
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa", b"#!")
# Sixteen bits of grey, as X-rays are often exported, stay sixteen: fewer would lose what somebody has to see in them.
_DRAWN = {PNG: ("1", "L", "LA", "RGB", "RGBA", "I;16"), JPEG: ("L", "RGB")}
_ONE_AT_A_TIME = BoundedSemaphore(1)  # an image that is drawn takes hundreds of megabytes


class Sent(Protocol):
    """A file as a form sends it: werkzeug's FileStorage."""

    @property
    def filename(self) -> str | None:
        """What the person's machine calls it."""

    @property
    def stream(self) -> IO[bytes]:
        """What is in it."""


class NotTaken(InvalidValue):
    """A file that is not taken; the message says why."""

    title = _l("This file was not taken")


def receive_upload(actor: Actor, storage: Sent | None, kinds: Collection[str] = PAPERS, field: str = "file") -> File:
    """Keep a file that somebody sent, encrypted, and return its row; raises NotTaken at the form's field.

    A unit of work of its own, so that no row ever names content that is not there: ask whether the person may, then
    receive, then link the file to what it belongs to.
    """
    try:
        name, media_type, content = check_upload(storage, kinds)
    except NotTaken as error:
        error.field = field
        raise
    with unit_of_work():
        file = note_file(actor, name, media_type, content)
        file_id, digest = file.id, file.sha256
    store_content(digest, content)
    return db.session.get_one(File, file_id)


@contextmanager
def received(
    actor: Actor, storage: Sent | None, kinds: Collection[str] = PAPERS, field: str = "file"
) -> Iterator[File]:
    """Keep a file that somebody sent for what happens inside; where that fails it is destroyed again."""
    file = receive_upload(actor, storage, kinds, field)
    file_id = file.id
    try:
        yield file
    except Exception:
        db.session.rollback()
        with unit_of_work():
            destroy_file(file_id)
        raise


def check_upload(storage: Sent | None, kinds: Collection[str] = PAPERS) -> tuple[str, str, BinaryIO]:
    """Return the name, the media type and the content that is kept of a sent file; raises NotTaken."""
    if storage is None or not storage.filename:
        raise NotTaken(_l("Choose a file."))
    sent = cast(BinaryIO, storage.stream)
    size = digest_of(sent)[1]
    if size > MOST_BYTES:
        raise NotTaken(
            _l("The file has %(size)s MB; at most %(most)s MB are taken.", size=-(-size // 1024**2), most=MOST_MB)
        )
    media_type = _media_type(sent, size, kinds)
    if media_type in IMAGES:
        with _ONE_AT_A_TIME:
            return _name(storage.filename, media_type), media_type, _draw_again(sent, media_type)
    return _name(storage.filename, media_type), media_type, sent


def _media_type(source: BinaryIO, size: int, kinds: Collection[str]) -> str:
    """Return what a file is by its content alone; raises NotTaken for anything but the kinds."""
    source.seek(0)
    head = source.read(HEAD)
    if not head:
        raise NotTaken(_l("The file is empty."))
    found = next((kind for kind in kinds if head.startswith(_BEGINS[kind])), None)
    if found is None and (head.startswith(_PROGRAMS) or "exec" in _guess(head)):
        raise NotTaken(_l("This file is a program, whatever its name says. It was not kept."))
    if found is None or found not in _guesses(head):
        raise NotTaken(_wanted(kinds))
    if found == PDF:
        source.seek(max(0, size - TAIL))
        if b"%%EOF" not in source.read(TAIL):
            raise NotTaken(_l("The PDF has no end; it was probably cut off on its way. Send it again."))
    return found


def _guess(head: bytes) -> str:
    return " ".join(_guesses(head))


def _guesses(head: bytes) -> set[str]:
    try:
        return {match.mime_type for match in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):
        return set()


def _wanted(kinds: Collection[str]) -> Text:
    if PDF in kinds:
        return _l("This is not a PDF, PNG or JPEG file, whatever its name ends with.")
    return _l("This is not a PNG or JPEG image, whatever its name ends with.")


def _draw_again(source: BinaryIO, media_type: str) -> BinaryIO:
    """Return an image written anew from its pixels; raises NotTaken for what is none, or far too large."""
    source.seek(0)
    try:
        with Image.open(source, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotTaken(_l("The image has more than %(most)s megapixels.", most=MOST_PIXELS // 1_000_000))
            ImageOps.exif_transpose(image, in_place=True)
            return _written(image, media_type)
    except NotTaken:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotTaken(_l("The image cannot be read. It may be damaged.")) from None


def _written(image: Image.Image, media_type: str) -> BinaryIO:
    plain: Image.Image = image
    if image.mode not in _DRAWN[media_type]:
        if image.mode.startswith(("I", "F")):  # shades that eight bits do not hold; they would all become white
            raise NotTaken(_l("The shades of grey of this image cannot be kept. Save it anew, with 8 or 16 bits."))
        plain = image.convert("RGBA" if media_type == PNG else "RGB")
    plain.info.clear()
    drawn = BytesIO()
    plain.save(drawn, format="PNG" if media_type == PNG else "JPEG", **({} if media_type == PNG else {"quality": 92}))
    return drawn


def _name(sent: str, media_type: str) -> str:
    """Return the file's name without any path, ending with what the file is."""
    stem = PurePosixPath(sent.replace("\\", "/")).stem.strip(". ")
    readable = "".join(letter for letter in stem if letter.isprintable())[:LONGEST_NAME]
    return (readable or "file") + _ENDINGS[media_type]
