"""A page that takes a file with rows: first tried, then imported; rows that are wrong are named with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from app.core.actor import Actor
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.prescriptions.importing import MAY_BE_MISSING, MOST_BYTES, Imported
from app.hospital.forms.prescriptions import SheetForm
from app.web.principals import current_actor
from app.web.render import render

Importer = Callable[..., Imported]


def show_sheet(
    form: SheetForm,
    importer: Importer,
    *,
    title: str,
    columns: Mapping[str, tuple[str, ...]],
    action: str,
    back: tuple[str, str],
) -> Response:
    """Show the page, and what came of the file that was sent."""
    done, tried = None, request.form.get("act") != "import"
    if form.validate_on_submit():
        try:
            done = _import(current_actor(), form, importer, try_only=tried)
        except InvalidValue as error:
            form.add_error("file", error)
    failed = bool(form.errors)
    return render(
        "hospital/sheets/show.html",
        form=form,
        title=title,
        columns=[(name, words, name not in MAY_BE_MISSING) for name, words in columns.items()],
        action=action,
        back=back,
        done=done,
        tried=tried,
        has_errors=failed,
        status=422 if failed else 200,
    )


def _import(actor: Actor, form: SheetForm, importer: Importer, *, try_only: bool) -> Imported:
    sent: Any = form.file.data
    if not sent:
        raise InvalidValue(_l("Choose a file."), field="file")
    content = sent.stream.read(MOST_BYTES + 1)
    return importer(actor, content, try_only=try_only)
