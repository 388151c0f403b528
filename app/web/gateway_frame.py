"""What all pages of access rules share: whose rules they are, their addresses, and asking before a lock-out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request, url_for
from markupsafe import Markup

from app.core.db import db
from app.core.errors import Text
from app.core.permissions import Permission
from app.domain.identity.sessions import KINDS
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.trying import Editor, WouldLockOut
from app.web.gateway_forms import PORTALS
from app.web.principals import current_actor, find_principal
from app.web.render import render

NOT_CARRIED = frozenset({"csrf_token", "accept", "proof_password"})


@dataclass(frozen=True, slots=True)
class Pages:
    """Whose rules a set of pages is about: endpoints begin with `stem`, addresses with `url`."""

    stem: str
    url: str
    permission: Permission
    owner: Callable[..., Owner]
    title: Callable[..., Text]
    facts: Callable[..., dict[str, Any]] = lambda **_place: {}


def frame_of(pages: Pages, place: dict[str, Any], owner: Owner, chosen: str | None) -> dict[str, Any]:
    """Return what every page of these has: its portal's layout, its tabs and its addresses."""
    return {
        "layout": f"layouts/{g.portal}.html",
        "heading": pages.title(**place),
        "chosen": chosen or "",
        "portal_names": PORTALS,
        "portal_tabs": [
            (PORTALS[each or ""], url_of(pages, place, "index", portal=each), each == chosen) for each in owner.portals
        ],
        "urls": {
            name: url_of(pages, place, name, portal=chosen)
            for name in ("index", "rates", "policy", "rates_save", "policy_save", "address_add", "address_remove")
        },
        **pages.facts(**place),
    }


def ask_to_accept(pages: Pages, place: dict[str, Any], error: WouldLockOut) -> Response:
    """Ask once more, naming the address; what was typed goes along."""
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in NOT_CARRIED]
    hidden = Markup("\n").join(
        Markup('<input type="hidden" name="{}" value="{}">').format(name, value) for name, value in kept
    )
    owner = pages.owner(**place)
    return render(
        "gateway/lock_out.html",
        status=409,
        error=error,
        carried=hidden,
        action=request.script_root + request.full_path.rstrip("?"),
        **frame_of(pages, place, owner, chosen_portal(owner)),
    )


def chosen_portal(owner: Owner) -> str | None:
    """Return the portal that the address names, where this owner has rules for it; None means all."""
    named = request.args.get("portal") or None
    return named if named in owner.portals else None


def url_of(pages: Pages, place: dict[str, Any], view: str, portal: str | None = None) -> str:
    return url_for(f"{g.portal}.{pages.stem}_{view}", **place, portal=portal or None)


def present_editor() -> Editor:
    """Return who edits, with what the session began and how it was proven."""
    principal = find_principal()
    row = db.session.get(KINDS[g.portal].model, principal.signed_in.session_id) if principal else None
    return Editor(
        current_actor(),
        g.portal,
        began_at=row.created_at if row is not None else None,
        accepts=request.form.get("accept"),
    )
