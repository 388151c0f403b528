"""The check that no role reaches another hospital's database: catalogues, insides, real tries; its results are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.credentials.attempts import try_all
from app.tenancy.credentials.catalogue import check_inside, check_server
from app.tenancy.credentials.findings import Finding
from app.tenancy.credentials.places import Server, list_servers
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.models import CheckState, IsolationCheck
from app.tenancy.paging import Page

log = get_logger(__name__)

CHECK_ISOLATION = "fleet.check_isolation"
MOST_KEPT = 500
PER_PAGE = 25


@operation(CHECK_ISOLATION, title=_l("Check that no hospital reaches another"), takes_hospital=False)
def check_isolation(work: Work) -> dict[str, Any]:
    """Look for holes on every server, and write down what was found."""
    check_id = _begin()
    servers = list_servers()
    total = sum(len(server.databases) + len(server.logins) + 1 for server in servers)
    findings: list[Finding] = []
    done = attempts = 0
    for server in servers:
        work.progress(done, total, server.name)
        try:
            findings += _lasting(server)
            for database in server.databases:
                findings += check_inside(server, database)
                done += 1
                work.progress(done, total, server.label(database))
            for outcome in try_all(server, full=bool(work.arguments.get("full"))):
                findings += outcome.findings
                attempts += outcome.attempts
                done += 1
                work.progress(done, total, server.name)
        except psycopg.OperationalError as error:
            findings.append(Finding("unreached", server.name, server.name, type(error).__name__))
    work.progress(total, total)
    return _end(check_id, servers, findings, attempts)


def _lasting(server: Server) -> list[Finding]:
    """Look twice before saying so: credentials that are being rotated are for a moment a role that no row knows."""
    found = check_server(server)
    if not found:
        return []
    as_now = next((one for one in list_servers() if one.name == server.name), server)
    again = set(check_server(as_now))
    return [finding for finding in found if finding in again]


def find_latest_check() -> IsolationCheck | None:
    """Return the newest check that has ended."""
    query = sa.select(IsolationCheck).where(IsolationCheck.state != CheckState.RUNNING)
    return db.session.scalar(query.order_by(IsolationCheck.started_at.desc()).limit(1))


def list_checks(page: int = 1) -> Page[Any]:
    """Return a page of checks, newest first."""
    total = db.session.scalar(sa.select(sa.func.count()).select_from(IsolationCheck)) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    columns = (
        IsolationCheck.id,
        IsolationCheck.state,
        IsolationCheck.started_at,
        IsolationCheck.finished_at,
        IsolationCheck.roles,
        IsolationCheck.databases,
        IsolationCheck.attempts,
        sa.func.coalesce(IsolationCheck.findings["count"].as_integer(), 0).label("count"),
    )
    rows = db.session.execute(
        sa.select(*columns).order_by(IsolationCheck.started_at.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    ).all()
    return Page(rows, page, PER_PAGE, total)


def _begin() -> UUID:
    with unit_of_work() as session:
        check = IsolationCheck()
        session.add(check)
        session.flush()
        return check.id


def _end(check_id: UUID, servers: Sequence[Server], findings: Sequence[Finding], attempts: int) -> dict[str, Any]:
    unique = list(dict.fromkeys(findings))
    state = CheckState.FAILED if unique else CheckState.PASSED
    facts = {
        "roles": sum(len(server.logins) for server in servers),
        "databases": sum(len(server.databases) for server in servers),
        "attempts": attempts,
    }
    document = {"count": len(unique), "findings": [finding.as_row() for finding in unique[:MOST_KEPT]]}
    with unit_of_work() as session:
        session.execute(
            sa.update(IsolationCheck)
            .where(IsolationCheck.id == check_id)
            .values(state=state, finished_at=clock.now(), findings=document, **facts)
        )
    for finding in unique:
        log.critical("isolation is broken", **finding.as_row())
    return {"check": str(check_id), "state": state.value, **facts, "findings": len(unique)}
