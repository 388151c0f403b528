"""Credentials and keys: rotating them, what is under which key, and the proof that no hospital reaches another."""

from __future__ import annotations

from collections import Counter

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.tabs import declare_tab
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_CREDENTIALS
from app.tenancy import queries
from app.tenancy.administration import platform_keyring
from app.tenancy.credentials import isolation
from app.tenancy.credentials.findings import stored_findings
from app.tenancy.credentials.keys import COUNT_KEYS, count_central
from app.tenancy.credentials.rekeying import REKEY
from app.tenancy.credentials.retirement import list_retired_logins
from app.tenancy.credentials.rotation import ROTATE_FLEET, ROTATE_HOSPITAL
from app.tenancy.ledger.queries import list_operations
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, OperationState
from app.tenancy.paging import page_number
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

CHECKS = {
    "running": (_l("Running"), "info"),
    "passed": (_l("Nothing found"), "success"),
    "failed": (_l("Has holes"), "danger"),
}

declare_menu("admin.isolation_index", _l("Isolation"), "lock", MANAGE_CREDENTIALS, 40)
declare_menu("admin.keys_index", _l("Keys"), "key-round", MANAGE_CREDENTIALS, 41)
declare_tab("admin.credentials_show", _l("Credentials"), MANAGE_CREDENTIALS, 60)


@admin.get("/hospitals/<string:code>/credentials")
@requires(MANAGE_CREDENTIALS)
def credentials_show(code: str) -> Response:
    """Show since when a hospital's database credentials are used, and those before."""
    hospital = queries.get_hospital(code)
    return render(
        "admin/credentials/show.html",
        subject=hospital,
        retired=list_retired_logins(hospital.id),
        rotations=list_operations(hospital_id=hospital.id, kinds=(ROTATE_HOSPITAL,)).items[:10],
    )


@admin.post("/hospitals/<string:code>/credentials/rotate")
@requires(MANAGE_CREDENTIALS)
def credentials_rotate(code: str) -> BaseResponse:
    """Have a hospital's database given new credentials."""
    return _ask(ROTATE_HOSPITAL, queries.get_hospital(code))


@admin.post("/fleet/credentials/rotate")
@requires(MANAGE_CREDENTIALS)
def credentials_rotate_all() -> BaseResponse:
    """Have every hospital's database given new credentials."""
    return _ask(ROTATE_FLEET)


@admin.get("/fleet/isolation")
@requires(MANAGE_CREDENTIALS)
def isolation_index() -> Response:
    """Show the last check of isolation with what it found, and those before."""
    latest = isolation.find_latest_check()
    return render(
        "admin/credentials/isolation.html",
        latest=latest,
        findings=stored_findings(latest.findings) if latest else [],
        checks=isolation.list_checks(page_number(request.args.get("page"))),
        CHECKS=CHECKS,
    )


@admin.post("/fleet/isolation")
@requires(MANAGE_CREDENTIALS)
def isolation_check() -> BaseResponse:
    """Have isolation checked now, on a sample of connections or on all."""
    operation = request_operation(
        current_actor(), isolation.CHECK_ISOLATION, arguments={"full": request.form.get("full") == "yes"}
    )
    return see_other(url_for("admin.operations_show", operation_id=operation.id))


@admin.get("/fleet/keys")
@requires(MANAGE_CREDENTIALS)
def keys_index() -> Response:
    """Show how many values are under which key: in the centre now, in hospitals at the last count."""
    keyring = platform_keyring()
    central = count_central()
    counted = list_operations(kinds=(COUNT_KEYS,), state=OperationState.SUCCEEDED).items
    last = counted[0] if counted else None
    everywhere = (last.result.get("keys") if last else None) or {}
    totals: Counter[str] = Counter()
    for column in central.values():
        totals.update(column)
    return render(
        "admin/credentials/keys.html",
        active=keyring.active_id,
        ids=[*keyring.ids, *sorted((set(totals) | set(everywhere)) - set(keyring.ids))],
        known=keyring.ids,
        totals=totals,
        everywhere={key_id: sum(columns.values()) for key_id, columns in everywhere.items()},
        central=central,
        counted_at=last.finished_at if last else None,
        archived=(last.result.get("archived") if last else None) or [],
        kinds=[(label, sum(counts.values())) for label, counts in sorted(central.items())],
        rekeyings=list_operations(kinds=(REKEY,)).items[:10],
    )


@admin.post("/fleet/keys/count")
@requires(MANAGE_CREDENTIALS)
def keys_count() -> BaseResponse:
    """Have the hospitals' values counted too."""
    return _ask(COUNT_KEYS)


@admin.post("/fleet/keys/rekey")
@requires(MANAGE_CREDENTIALS)
def keys_rekey() -> BaseResponse:
    """Have everything sealed encrypted anew under the active key."""
    return _ask(REKEY)


def _ask(kind: str, hospital: Hospital | None = None) -> BaseResponse:
    operation = request_operation(current_actor(), kind, hospital=hospital)
    return see_other(url_for("admin.operations_show", operation_id=operation.id))
