"""The forms of rates and of account policies: saved over the version that was shown, or compared with theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, g
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.tenancy.gateway import editing, floors
from app.tenancy.gateway.store import gateway_store
from app.tenancy.gateway.trying import WouldLockOut
from app.web.confirming import asks_again
from app.web.conflicts import show_conflict
from app.web.gateway_forms import SWITCHES, PolicyForm, RatesForm, SettingsForm, form_data, row_values
from app.web.gateway_frame import Pages, ask_to_accept, chosen_portal, frame_of, present_editor, url_of
from app.web.render import render, see_other


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two forms of settings."""

    name: str
    form: type[SettingsForm]
    names: tuple[str, ...]
    find: Callable[..., Any]
    save: Callable[..., None]


RATES = Kind("rates", RatesForm, editing.RATES, editing.find_rates, editing.save_rates)
POLICY = Kind("policy", PolicyForm, editing.POLICY, editing.find_policy, editing.save_policy)


def add_settings(blueprint: Blueprint, pages: Pages, kind: Kind) -> None:
    """Give a portal the form of one kind of settings."""

    @blueprint.get(f"{pages.url}/{kind.name}", endpoint=f"{pages.stem}_{kind.name}")
    @requires(pages.permission)
    def edit(**place: Any) -> Response:
        """Ask for the settings of one portal, or of all."""
        owner, portal = pages.owner(**place), chosen_portal(pages.owner(**place))
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
        """Save the settings, or ask before a lock-out, or show the conflict."""
        return _save(pages, place, kind)


def _save(pages: Pages, place: dict[str, Any], kind: Kind) -> BaseResponse:
    owner, form = pages.owner(**place), kind.form()
    portal = chosen_portal(owner)
    if not form.validate():
        return _settings_page(pages, place, kind, form, 422)
    try:
        kind.save(owner, present_editor(), editing.Settings(portal, form.version_number, form.values()))
    except InvalidValue as error:
        form.add_error(kind.names[0], error)
        return _settings_page(pages, place, kind, form, 422)
    except WouldLockOut as error:
        return ask_to_accept(pages, place, error)
    except editing.StaleRules as error:
        return _conflict(pages, place, kind, form, error.theirs)
    flash(_("Saved. It counts from the next request on."), "success")
    return see_other(url_of(pages, place, "index", portal=portal))


def _settings_page(pages: Pages, place: dict[str, Any], kind: Kind, form: SettingsForm, status: int = 200) -> Response:
    owner = pages.owner(**place)
    chosen = chosen_portal(owner)
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
        **frame_of(pages, place, owner, chosen),
    )


def _conflict(pages: Pages, place: dict[str, Any], kind: Kind, form: SettingsForm, theirs: Any) -> Response:
    newest = row_values(kind.names, theirs)
    mine = {name: _typed(form, name) for name in kind.names}
    portal = chosen_portal(pages.owner(**place))
    return show_conflict(
        layout=f"layouts/{g.portal}.html",
        title=_("Two people have changed these rules"),
        changed_by=(theirs.updated_by_name if theirs is not None else "") or "",
        changed_at=theirs.updated_at if theirs is not None else clock.now(),
        action=url_of(pages, place, f"{kind.name}_save", portal=portal),
        view_url=url_of(pages, place, "index", portal=portal),
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
