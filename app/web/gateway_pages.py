"""The pages of access rules, the same for operators (platform, one hospital) and for a hospital's administrators.

Each portal says whose rules they are and who may edit them; what they mean and how they change is tenancy's.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.tenancy.gateway import editing, floors
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.rules import Gateway
from app.tenancy.gateway.store import gateway_store
from app.tenancy.gateway.trying import WouldLockOut, explain
from app.tenancy.paging import page_number
from app.tenancy.policies import DEFAULTS
from app.web.confirming import asks_again
from app.web.gateway_forms import PORTALS, AddressForm
from app.web.gateway_frame import Pages, ask_to_accept, chosen_portal, frame_of, present_editor, url_of
from app.web.gateway_settings import POLICY, RATES, add_settings
from app.web.render import render, see_other


def add_gateway_pages(blueprint: Blueprint, pages: Pages) -> None:
    """Give a portal the pages of one owner's access rules."""

    @blueprint.get(pages.url, endpoint=f"{pages.stem}_index")
    @requires(pages.permission)
    def index(**place: Any) -> Response:
        """Show what counts, the address rules, and what would happen to an address."""
        return _show(pages, place, None)

    @blueprint.post(f"{pages.url}/addresses", endpoint=f"{pages.stem}_address_add")
    @requires(pages.permission)
    @asks_again
    def add_address(**place: Any) -> BaseResponse:
        """Let an address or network in, or refuse it."""
        return _add_address(pages, place)

    @blueprint.post(f"{pages.url}/addresses/remove", endpoint=f"{pages.stem}_address_remove")
    @requires(pages.permission)
    @asks_again
    def remove_address(**place: Any) -> BaseResponse:
        """Take an address rule away."""
        return _remove_address(pages, place)

    for kind in (RATES, POLICY):
        add_settings(blueprint, pages, kind)


def _add_address(pages: Pages, place: dict[str, Any]) -> BaseResponse:
    owner = pages.owner(**place)
    form = _address_form(owner)
    if not form.validate():
        return _show(pages, place, form, 422)
    wanted = editing.NewAddressRule(
        form.parsed_network, form.wanted_action, form.reason.data, form.rule_portal.data or None, form.expires_at
    )
    try:
        editing.add_address_rule(owner, present_editor(), wanted)
    except InvalidValue as error:
        form.add_error("network", error)
        return _show(pages, place, form, 422)
    except WouldLockOut as error:
        return ask_to_accept(pages, place, error)
    flash(_("The rule for %(network)s counts from now on.", network=str(wanted.network)), "success")
    return see_other(url_of(pages, place, "index"))


def _remove_address(pages: Pages, place: dict[str, Any]) -> BaseResponse:
    owner, rule_id = pages.owner(**place), parse_id(request.form.get("rule", ""))
    try:
        if rule_id is None:
            raise editing.UnknownRule
        editing.remove_address_rule(owner, present_editor(), rule_id)
    except InvalidValue as error:
        form = _address_form(owner, formdata=None)
        form.add_error("network", error)
        return _show(pages, place, form, 422)
    except WouldLockOut as error:
        return ask_to_accept(pages, place, error)
    flash(_("The rule is taken away."), "success")
    return see_other(url_of(pages, place, "index"))


def _show(pages: Pages, place: dict[str, Any], form: AddressForm | None, status: int = 200) -> Response:
    owner = pages.owner(**place)
    chosen = chosen_portal(owner)
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
        **frame_of(pages, place, owner, chosen),
    )


def _address_form(owner: Owner, **options: Any) -> AddressForm:
    form = AddressForm(**options) if options else AddressForm()
    form.rule_portal.choices = [SelectChoice(each or "", PORTALS[each or ""]) for each in owner.portals]
    if options:
        form.rule_portal.data = chosen_portal(owner) or ""
    return form


def _requires_factor(gateway: Gateway, portal: str) -> bool:
    return bool(gateway.policy_over(DEFAULTS[portal]).second_factor_required)
