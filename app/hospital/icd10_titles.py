"""The hospital's own Vietnamese titles of the ICD-10, imported from a table."""

from __future__ import annotations

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_TEMPLATES
from app.domain.records.icd10_titles import MOST_BYTES, Imported, count_titles, import_titles, remove_titles
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.record_templates import TitlesForm
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files

declare_administration(
    "hospital.icd10_titles_index",
    _l("Titles of the ICD-10"),
    _l("Vietnamese titles of diagnoses, imported from a table"),
    MANAGE_TEMPLATES,
    35,
)


@hospital.get("/icd10-titles")
@requires(MANAGE_TEMPLATES)
def icd10_titles_index() -> Response:
    """Show how many titles are imported, and ask for a file."""
    return _show(TitlesForm())


@hospital.post("/icd10-titles")
@requires(MANAGE_TEMPLATES)
@takes_files(MOST_BYTES)
def icd10_titles_import() -> BaseResponse:
    """Import a table; rows that were not taken are named with their reason."""
    form = TitlesForm()
    if form.validate_on_submit():
        try:
            if not form.file.data:
                raise InvalidValue(_l("Choose a file."), field="file")
            done = import_titles(current_actor(), form.file.data.read(MOST_BYTES + 1))
        except InvalidValue as error:
            form.add_error("file", error)
        else:
            return _show(TitlesForm(formdata=None), done)
    return _show(form)


@hospital.post("/icd10-titles/remove")
@requires(MANAGE_TEMPLATES)
def icd10_titles_remove() -> BaseResponse:
    """Go back to the titles that the system carries."""
    gone = remove_titles(current_actor())
    flash(_("%(count)s titles are removed. Signed records stay as they are.", count=gone), "success")
    return see_other(url_for("hospital.icd10_titles_index"))


def _show(form: TitlesForm, done: Imported | None = None) -> Response:
    return render(
        "hospital/icd10_titles/index.html",
        form=form,
        done=done,
        count=count_titles(),
        most_mb=MOST_BYTES // 1024**2,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
