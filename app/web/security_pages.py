"""Security events, alerts and alert rules: the same pages for the operators and for a hospital's administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import Permission, requires
from app.core.risks import Risk
from app.tenancy.alerts.handling import get_rule, resolve_alert, save_rule, take_alert
from app.tenancy.alerts.queries import (
    EventFilter,
    get_alert,
    list_counted,
    list_events,
    list_resolved,
    list_rules,
    list_standing,
)
from app.tenancy.alerts.watched import Watched
from app.tenancy.paging import page_number
from app.tenancy.queries import get_hospital, list_hospital_names
from app.tenancy.security_kinds import KINDS, title_of
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security_forms import ResolutionForm, RuleForm
from app.web.security_words import ACTORS, ALERT_STATES, GROUPINGS, PERIODS, RISKS

WORDS: dict[str, Any] = {
    "RISKS": RISKS,
    "ALERT_STATES": ALERT_STATES,
    "GROUPINGS": GROUPINGS,
    "ACTORS": ACTORS,
    "PERIODS": PERIODS,
    "KINDS": KINDS,
    "title_of": title_of,
}


@dataclass(frozen=True, slots=True)
class Pages:
    """What differs between the portals."""

    watched: Watched
    see: Permission
    manage: Permission


def add_security_pages(blueprint: Blueprint, pages: Pages) -> None:
    """Give a portal its pages of alerts, events and rules."""
    _add_alerts(blueprint, pages)
    _add_events(blueprint, pages)
    _add_rules(blueprint, pages)


def _add_alerts(blueprint: Blueprint, pages: Pages) -> None:
    watched = pages.watched

    @blueprint.get("/security")
    @requires(pages.see)
    def security_index() -> BaseResponse:
        standing, page = list_standing(watched), page_number(request.args.get("page"))
        return _show("index", pages, standing=standing, resolved=list_resolved(watched, page))

    @blueprint.get("/security/alerts/<uuid:alert_id>")
    @requires(pages.see)
    def security_alert(alert_id: UUID) -> BaseResponse:
        return _show_alert(pages, alert_id, ResolutionForm())

    @blueprint.post("/security/alerts/<uuid:alert_id>/take")
    @requires(pages.manage)
    def security_take(alert_id: UUID) -> BaseResponse:
        take_alert(watched, current_actor(), alert_id)
        return see_other(url_for(f"{blueprint.name}.security_alert", alert_id=alert_id))

    @blueprint.post("/security/alerts/<uuid:alert_id>/resolve")
    @requires(pages.manage)
    def security_resolve(alert_id: UUID) -> BaseResponse:
        form = ResolutionForm()
        if form.validate_on_submit():
            try:
                resolve_alert(watched, current_actor(), alert_id, form.resolution.data)
            except InvalidValue as error:
                form.add_error("resolution", error)
            else:
                flash(_("The alert is resolved."), "success")
                return see_other(url_for(f"{blueprint.name}.security_index"))
        return _show_alert(pages, alert_id, form, status=422)


def _add_events(blueprint: Blueprint, pages: Pages) -> None:
    @blueprint.get("/security/events")
    @requires(pages.see)
    def security_events() -> BaseResponse:
        chosen = {name: request.args.get(name, "") for name in ("kind", "risk", "hospital", "days")}
        events = list_events(pages.watched, _filter(pages, chosen), page_number(request.args.get("page")))
        subjects = {row.subject_id for row in events.items if row.subject_id is not None}
        return _show(
            "events",
            pages,
            events=events,
            chosen=chosen,
            names=pages.watched.names_of(subjects),
            hospitals=list_hospital_names() if pages.watched.has_hospitals else [],
        )


def _add_rules(blueprint: Blueprint, pages: Pages) -> None:
    watched = pages.watched
    template = "rules_edit"

    @blueprint.get("/security/rules")
    @requires(pages.see)
    def security_rules() -> BaseResponse:
        return _show("rules", pages, rules=list_rules(watched))

    @blueprint.route("/security/rules/new", methods=["GET", "POST"])
    @requires(pages.manage)
    @asks_again
    def security_rules_new() -> BaseResponse:
        form = RuleForm(has_hospitals=watched.has_hospitals)
        if form.validate_on_submit() and _saved(watched, form, None):
            return see_other(url_for(f"{blueprint.name}.security_rules"))
        return _show(template, pages, form=form, rule=None, status=422 if form.errors else 200)

    @blueprint.route("/security/rules/<uuid:rule_id>", methods=["GET", "POST"])
    @requires(pages.manage)
    @asks_again
    def security_rules_edit(rule_id: UUID) -> BaseResponse:
        rule = get_rule(watched, rule_id)
        form = RuleForm(obj=rule, has_hospitals=watched.has_hospitals)
        if form.validate_on_submit() and _saved(watched, form, rule_id):
            return see_other(url_for(f"{blueprint.name}.security_rules"))
        return _show(template, pages, form=form, rule=rule, status=422 if form.errors else 200)


def _saved(watched: Watched, form: RuleForm, rule_id: UUID | None) -> bool:
    try:
        save_rule(watched, current_actor(), form.facts(), rule_id=rule_id, version=form.seen_version())
    except InvalidValue as error:
        form.add_error("name", error)
        return False
    flash(_("The rule is saved."), "success")
    return True


def _show_alert(pages: Pages, alert_id: UUID, form: ResolutionForm, status: int = 200) -> BaseResponse:
    alert = get_alert(pages.watched, alert_id)
    counted = list_counted(pages.watched, alert)
    subjects = {event.subject_id for event in counted if event.subject_id is not None}
    names = pages.watched.names_of(subjects)
    return _show("alert", pages, alert=alert, counted=counted, names=names, form=form, status=status)


def _show(page: str, pages: Pages, *, status: int = 200, **context: Any) -> BaseResponse:
    return render(
        f"security/{page}.html",
        status=status,
        manage=pages.manage.code,
        has_hospitals=pages.watched.has_hospitals,
        **WORDS,
        **context,
    )


def _filter(pages: Pages, chosen: dict[str, str]) -> EventFilter:
    """Read what is asked for; what makes no sense is not asked for."""
    days = int(chosen["days"]) if chosen["days"] in {number for number, _words in PERIODS} else None
    risk = Risk(chosen["risk"]) if chosen["risk"] in {one.value for one in Risk} else Risk.LOW
    code = chosen["hospital"] if pages.watched.has_hospitals else ""
    return EventFilter(
        kind=chosen["kind"] if chosen["kind"] in KINDS else "",
        least_risk=risk,
        hospital_id=get_hospital(code).id if code else None,
        since=clock.now() - timedelta(days=days) if days else None,
    )
