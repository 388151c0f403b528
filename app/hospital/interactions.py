"""The hospital's table of interactions: looked through, imported from a file, entries taken out."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_FORMULARY
from app.domain.prescriptions.importing import INTERACTION_COLUMNS, MOST_BYTES, import_interactions
from app.domain.prescriptions.interactions import delete_interaction, list_interactions
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.prescriptions import SheetForm
from app.hospital.prescribing_facts import SEVERITIES
from app.hospital.sheets import show_sheet
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files

declare_administration(
    "hospital.interactions_index",
    _l("Interactions"),
    _l("Ingredients that should not be given together: prescriptions are held against this table"),
    MANAGE_FORMULARY,
    41,
)
LAST_PAGE = 10_000


@hospital.get("/interactions")
@requires(MANAGE_FORMULARY)
def interactions_index() -> Response:
    """List the interactions."""
    page = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    text = request.args.get("q", "").strip()
    return render("hospital/interactions/index.html", q=text, page=list_interactions(text, page), severities=SEVERITIES)


@hospital.post("/interactions/<uuid:interaction_id>/remove")
@requires(MANAGE_FORMULARY)
def interactions_remove(interaction_id: UUID) -> BaseResponse:
    """Take an interaction out of the table."""
    delete_interaction(current_actor(), interaction_id)
    flash(_("The interaction is taken out. Prescriptions are no longer held against it."), "success")
    return see_other(url_for("hospital.interactions_index"))


@hospital.route("/interactions/import", methods=["GET", "POST"])
@requires(MANAGE_FORMULARY)
@takes_files(MOST_BYTES + 1024 * 1024)
def interactions_import() -> Response:
    """Try or import a file with interactions."""
    return show_sheet(
        SheetForm(),
        import_interactions,
        title=_("Import interactions"),
        columns=INTERACTION_COLUMNS,
        action=url_for("hospital.interactions_import"),
        back=(_("Interactions"), url_for("hospital.interactions_index")),
    )
