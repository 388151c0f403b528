"""Exit kits and deletion certificates: what a hospital, or whoever asks after it, takes along."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Response, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.restores import CodeTypedForm
from app.core.permissions import requires
from app.domain.identity.permissions import EXPORT_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.ending import signing
from app.tenancy.ending.certificates import get_certificate, list_remaining_backups, written
from app.tenancy.ending.exit_kits import open_kit, record_download, request_exit_kit
from app.tenancy.models import Hospital
from app.web.principals import current_actor
from app.web.render import render, see_other


@admin.post("/hospitals/<string:code>/exit-kits")
@requires(EXPORT_HOSPITALS)
def exit_kits_create(code: str) -> BaseResponse:
    """Have an exit kit made."""
    wanted = request_exit_kit(current_actor(), code)
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


@admin.get("/hospitals/<string:code>/exit-kits/<string:name>")
@requires(EXPORT_HOSPITALS)
def exit_kits_show(code: str, name: str) -> Response:
    """Ask for the code before the kit is handed out: it holds medical records in clear."""
    return _ask(queries.get_hospital(code), name, CodeTypedForm(code=code, formdata=None))


@admin.post("/hospitals/<string:code>/exit-kits/<string:name>")
@requires(EXPORT_HOSPITALS)
def exit_kits_download(code: str, name: str) -> BaseResponse:
    """Hand out a kit, decrypted piece by piece; who took it stands in the audit log before the first byte."""
    hospital = queries.get_hospital(code)
    form = CodeTypedForm(code=code)
    if not form.validate():
        return _ask(hospital, name, form, 422)
    pieces = open_kit(hospital.id, name)
    record_download(current_actor(), hospital, name)
    response = Response(pieces, mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="exit-kit-{hospital.code}.zip"'
    return response


@admin.get("/hospitals/<string:code>/certificate")
@requires(VIEW_HOSPITALS)
def certificates_show(code: str) -> Response:
    """Show the deletion certificate, fit for printing, and what is left today."""
    hospital = queries.get_hospital(code)
    certificate = get_certificate(hospital.id)
    return render(
        "admin/lifecycle/certificate.html",
        subject=hospital,
        certificate=certificate,
        document=certificate.document,
        read=datetime.fromisoformat,
        genuine=signing.is_genuine(certificate.document, certificate.signature),
        remaining=list_remaining_backups(hospital.id),
    )


@admin.get("/hospitals/<string:code>/certificate/download")
@requires(VIEW_HOSPITALS)
def certificates_download(code: str) -> Response:
    """Hand the certificate out as it was signed."""
    certificate = get_certificate(queries.get_hospital(code).id)
    text = json.dumps(written(certificate), ensure_ascii=False, indent=1)
    response = Response(text, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="deletion-certificate-{code}.json"'
    return response


def _ask(hospital: Hospital, name: str, form: CodeTypedForm, status: int = 200) -> Response:
    return render(
        "admin/lifecycle/exit_kit.html",
        subject=hospital,
        name=name,
        form=form,
        has_errors=status != 200,
        status=status,
    )
