"""Telling the centre anew, and comparing it with a hospital, as long work that people ask for and follow."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.core.i18n import _l
from app.domain.centre.reconciling import reconcile
from app.domain.centre.sync import synchronise_fully
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work

RECONCILE, RESYNC = "hospital.reconcile", "hospital.resync"


@operation(
    RECONCILE,
    title=_l("Compare the index with the hospital"),
    takes_hospital=True,
    shares_hospital=True,
    steps={"compare": _l("Compare and mend, range by range")},
)
def compare_index(work: Work) -> dict[str, Any]:
    """Find and mend what has drifted."""
    return work.step("compare", lambda: asdict(reconcile(work.actor, work.code, work.progress)))


@operation(
    RESYNC,
    title=_l("Tell the centre of every patient anew"),
    takes_hospital=True,
    shares_hospital=True,
    steps={"tell": _l("Tell of every patient")},
)
def tell_anew(work: Work) -> dict[str, Any]:
    """Write every patient into the index as the hospital has them now."""
    return work.step("tell", lambda: {"patients": synchronise_fully(work.code, work.progress)})
