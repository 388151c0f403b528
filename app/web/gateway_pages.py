"""The pages of access rules, the same for operators (platform, one hospital) and for a hospital's administrators.

Each portal says whose rules they are and who may edit them; what they mean and how they change is tenancy's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, g, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue, Text
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import Permission, requires
from app.domain.identity.sessions import KINDS
from app.tenancy.gateway import editing, floors
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.store import gateway_store
from app.tenancy.gateway.trying import Editor, WouldLockOut, explain
from app.tenancy.paging import page_number
from app.tenancy.policies import DEFAULTS
from app.web.confirming import asks_again
from app.web.conflicts import show_conflict
from app.web.gateway_forms import (
    PORTALS,
    SWITCHES,
    AddressForm,
    PolicyForm,
    RatesForm,
    SettingsForm,
    form_data,
    row_values,
)
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

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


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two forms of settings."""

    name: str
    form: type[SettingsForm]
    names: tuple[str, ...]
    find: Callable[..., Any]
    save: Callable[..., None]


RATES = _Kind("rates", RatesForm, editing.RATES, editing.find_rates, editing.save_rates)
POLICY = _Kind("policy", PolicyForm, editing.POLICY, editing.find_policy, editing.save_policy)


def add_gateway_pages(blueprint: Blueprint, pages: Pages) -> None:
    """Give a portal the pages of one owner's access rules."""

    @blueprint.get(pages.url, endpoint=f"{pages.stem}_index")
    @requires(pages.permission)
    def index(**place: Any) -> Response:
        return _show(pages, place, None)

    @blueprint.post(f"{pages.url}/addresses", endpoint=f"{pages.stem}_address_add")
    @requires(pages.permission)
    @asks_again
    def add_address(**place: Any) -> BaseResponse:
        return _add_address(pages, place)

    @blueprint.post(f"{pages.url}/addresses/remove", endpoint=f"{pages.stem}_address_remove")
    @requires(pages.permission)
    @asks_again
    def remove_address(**place: Any) -> BaseResponse:
        return _remove_address(pages, place)

    for kind in (RATES, POLICY):
        _add_settings(blueprint, pages, kind)


def _add_settings(blueprint: Blueprint, pages: Pages, kind: _Kind) -> None:
    @blueprint.get(f"{pages.url}/{kind.name}", endpoint=f"{pages.stem}_{kind.name}")
    @requires(pages.permission)
    def edit(**place: Any) -> Response:
        owner, portal = pages.owner(**place), _chosen(pages.owner(**place))
        row = kind.find(owner, portal)
        form = kind.form(
            formdata=None,
            **form_data(kind.names, row),
            version=str(row.version if row is not None else 0),
            was=json.dumps(row_values(kind.names, row)),
        )
        return _settings_page(pages, place, kind, form)

    @blueprint.post(f"{pages.url}/{kind.name}", endpoint=f"{pages.stem}_{kind.name}_save")
    @requires(pages.permission)
    @asks_again
    def save(**place: Any) -> BaseResponse:
        return _save(pages, place, kind)


def _add_address(pages: Pages, place: dict[str, Any]) -> BaseResponse:
    owner = pages.owner(**place)
    form = _address_form(owner)
    if not form.validate():
        return _show(pages, place, form, 422)
    wanted = editing.NewAddressRule(
        form.parsed_network, form.wanted_action, form.reason.data, form.rule_portal.data or None, form.expires_at
    )
    try:
        editing.add_address_rule(owner, _editor(), wanted)
    except InvalidValue as error:
        form.add_error("network", error)
        return _show(pages, place, form, 422)
    except WouldLockOut as error:
        return _ask_to_accept(pages, place, error)
    flash(_("The rule for %(network)s counts from now on.", network=str(wanted.network)), "success")
    return see_other(_url(pages, place, "index"))


def _remove_address(pages: Pages, place: dict[str, Any]) -> BaseResponse:
    owner, rule_id = pages.owner(**place), parse_id(request.form.get("rule", ""))
    try:
        if rule_id is None:
            raise editing.UnknownRule
        editing.remove_address_rule(owner, _editor(), rule_id)
    except InvalidValue as error:
        form = _address_form(owner, formdata=None)
        form.add_error("network", error)
        return _show(pages, place, form, 422)
    except WouldLockOut as error:
        return _ask_to_accept(pages, place, error)
    flash(_("The rule is taken away."), "success")
    return see_other(_url(pages, place, "index"))


def _save(pages: Pages, place: dict[str, Any], kind: _Kind) -> BaseResponse:
    owner, form = pages.owner(**place), kind.form()
    portal = _chosen(owner)
    if not form.validate():
        return _settings_page(pages, place, kind, form, 422)
    try:
        kind.save(owner, _editor(), editing.Settings(portal, form.version_number, form.values()))
    except InvalidValue as error:
        form.add_error(kind.names[0], error)
        return _settings_page(pages, place, kind, form, 422)
    except WouldLockOut as error:
        return _ask_to_accept(pages, place, error)
    except editing.StaleRules as error:
        return _conflict(pages, place, kind, form, error.theirs)
    flash(_("Saved. It counts from the next request on."), "success")
    return see_other(_url(pages, place, "index", portal=portal))


def _show(pages: Pages, place: dict[str, Any], form: AddressForm | None, status: int = 200) -> Response:
    """Show what counts, the address rules, and what would happen to an address."""
    owner = pages.owner(**place)
    chosen = _chosen(owner)
    shown = chosen or ("hospital" if owner.hospital else "admin")
    gateway = gateway_store().get(owner.hospital, shown)
    tried, tried_error = None, None
    if request.args.get("address"):
        try:
            tried = explain(gateway, request.args["address"][:64])
        except InvalidValue as error:
            tried_error = error.message
    return render(
        "gateway/index.html",
        status=status,
        has_errors=status != 200,
        form=form or _address_form(owner, formdata=None),
        rules=editing.list_address_rules(owner, page=page_number(request.args.get("page")), portal=chosen),
        counts=floors.in_units(gateway, shown),
        gateway=gateway,
        policy_requires_factor=_requires_factor(gateway, shown),
        tried=tried,
        tried_error=tried_error,
        shown=shown,
        now=clock.now(),
        own_address=request.remote_addr,
        **_frame(pages, place, owner, chosen),
    )


def _settings_page(pages: Pages, place: dict[str, Any], kind: _Kind, form: SettingsForm, status: int = 200) -> Response:
    owner = pages.owner(**place)
    chosen = _chosen(owner)
    shown = chosen or ("hospital" if owner.hospital else "admin")
    base = (
        floors.floor_of(owner, shown)
        if owner.is_own
        else floors.in_units(gateway_store().get(owner.hospital, shown), shown)
    )
    return render(
        f"gateway/{kind.name}.html",
        status=status,
        has_errors=bool(form.errors),
        form=form,
        base=base,
        is_own=owner.is_own,
        **_frame(pages, place, owner, chosen),
    )


def _ask_to_accept(pages: Pages, place: dict[str, Any], error: WouldLockOut) -> Response:
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
        **_frame(pages, place, owner, _chosen(owner)),
    )


def _conflict(pages: Pages, place: dict[str, Any], kind: _Kind, form: SettingsForm, theirs: Any) -> Response:
    newest = row_values(kind.names, theirs)
    mine = {name: _typed(form, name) for name in kind.names}
    portal = _chosen(pages.owner(**place))
    return show_conflict(
        layout=f"layouts/{g.portal}.html",
        title=_("Two people have changed these rules"),
        changed_by=(theirs.updated_by_name if theirs is not None else "") or "",
        changed_at=theirs.updated_at if theirs is not None else clock.now(),
        action=_url(pages, place, f"{kind.name}_save", portal=portal),
        view_url=_url(pages, place, "index", portal=portal),
        labels={name: form[name].label.text for name in kind.names},
        was=form.began_with,
        mine=mine,
        theirs=newest,
        hidden={"version": theirs.version if theirs is not None else 0, "was": json.dumps(newest)},
        shown=lambda name, value: (_("Yes") if value else _("No")) if name in SWITCHES else value,
    )


def _typed(form: SettingsForm, name: str) -> str:
    data = form[name].data
    if name in SWITCHES:
        return "true" if data else ""
    return "" if data is None else "\n".join(str(data).split()) if isinstance(data, str) else str(data)


def _frame(pages: Pages, place: dict[str, Any], owner: Owner, chosen: str | None) -> dict[str, Any]:
    """Return what every page of these has: its portal's layout, its tabs and its addresses."""
    return {
        "layout": f"layouts/{g.portal}.html",
        "heading": pages.title(**place),
        "chosen": chosen or "",
        "portal_names": PORTALS,
        "portal_tabs": [
            (PORTALS[each or ""], _url(pages, place, "index", portal=each), each == chosen) for each in owner.portals
        ],
        "urls": {
            name: _url(pages, place, name, portal=chosen)
            for name in ("index", "rates", "policy", "rates_save", "policy_save", "address_add", "address_remove")
        },
        **pages.facts(**place),
    }


def _address_form(owner: Owner, **options: Any) -> AddressForm:
    form = AddressForm(**options) if options else AddressForm()
    form.rule_portal.choices = [SelectChoice(each or "", PORTALS[each or ""]) for each in owner.portals]
    if options:
        form.rule_portal.data = _chosen(owner) or ""
    return form


def _chosen(owner: Owner) -> str | None:
    """Return the portal that the address names, where this owner has rules for it; None means all."""
    named = request.args.get("portal") or None
    return named if named in owner.portals else None


def _url(pages: Pages, place: dict[str, Any], view: str, portal: str | None = None) -> str:
    return url_for(f"{g.portal}.{pages.stem}_{view}", **place, portal=portal or None)


def _requires_factor(gateway: Any, portal: str) -> bool:
    return bool(gateway.policy_over(DEFAULTS[portal]).second_factor_required)


def _editor() -> Editor:
    """Return who edits, with what the session began and how it was proven."""
    principal = find_principal()
    row = db.session.get(KINDS[g.portal].model, principal.signed_in.session_id) if principal else None
    return Editor(
        current_actor(),
        g.portal,
        began_at=row.created_at if row is not None else None,
        accepts=request.form.get("accept"),
    )
