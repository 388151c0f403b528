"""Every guard with the way to take it away, and the named checks that must then fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from app.core import queue
from app.core.actor import Basis
from app.core.keys import shared_name
from app.domain.access import rules
from app.domain.identity import sessions
from app.domain.support import visiting
from app.tenancy import binding, engines
from app.web import confirming, guards, sign_in
from tests.isolation import checks_of_hospitals as hospitals
from tests.isolation import checks_of_people as persons
from tests.isolation.asking import Stage
from tests.isolation.removals import (
    Removal,
    any_hospitals_session,
    bindings_over_each_other,
    codes_for_ever,
    errors_that_quote_rows,
    everywhere,
    guessing_the_hospital,
    hand_offs_for_ever,
    no_narrowing,
    no_owner_conditions,
    no_unbinding_of_requests,
    no_unbinding_of_units,
    one_signature_for_all_cookies,
    open_databases,
    simply,
    values_tied_to_nothing,
    without_conditions,
    writing_while_reading,
)
from tests.support.platform import Platform

Check = Callable[[Stage, Platform], None]


@dataclass(frozen=True, slots=True)
class Guard:
    """Something that keeps hospitals, patients or people apart."""

    name: str
    what: str
    remove: Removal
    missed_by: tuple[Check, ...]


GUARDS = (
    Guard(
        "unbinding of requests",
        "app/web/binding.py",
        no_unbinding_of_requests,
        (hospitals.a_request_leaves_nothing_bound,),
    ),
    Guard(
        "unbinding of units", "app/tenancy/binding.py", no_unbinding_of_units, (hospitals.a_unit_leaves_nothing_bound,)
    ),
    Guard(
        "one binding at a time",
        "app/tenancy/binding.py",
        bindings_over_each_other,
        (hospitals.a_hospital_inside_another_is_refused,),
    ),
    Guard(
        "no guess without a binding",
        "app/tenancy/binding.py",
        guessing_the_hospital,
        (hospitals.work_bound_to_no_hospital_reaches_none,),
    ),
    Guard(
        "status of the hospital",
        "app/tenancy/binding.py",
        simply(binding, "_refuse_unless", lambda *_: None),
        (hospitals.a_suspended_hospital_serves_nobody,),
    ),
    Guard(
        "identity of databases",
        "app/tenancy/engines.py",
        simply(engines, "_check_identity", lambda *_: None),
        (hospitals.a_database_of_another_hospital_serves_nothing,),
    ),
    Guard(
        "CONNECT of login roles",
        "app/tenancy/cluster.py",
        open_databases,
        (hospitals.a_hospitals_role_cannot_enter_the_others_database,),
    ),
    Guard(
        "hospital in shared names",
        "app/core/keys.py",
        lambda *_: everywhere(shared_name, lambda _hospital, *words: shared_name(None, *words)),
        (hospitals.what_one_hospital_asked_for_is_not_taken_for_the_others,),
    ),
    Guard(
        "HMAC of jobs",
        "app/core/queue.py",
        simply(queue, "_mac", lambda _body: ""),
        (hospitals.a_forged_job_is_refused,),
    ),
    Guard("conditions on the owner", "app/domain", no_owner_conditions, (persons.queries_ask_whose_rows_they_are,)),
    Guard(
        "row-level security", "app/web/guards.py, h010", no_narrowing, (persons.a_forgotten_condition_shows_nothing,)
    ),
    Guard(
        "permissions of views",
        "app/web/guards.py",
        simply(guards, "missing", lambda *_: frozenset()),
        (persons.a_nurse_does_not_register_patients,),
    ),
    Guard(
        "treating relation",
        "app/domain/access",
        lambda *_: everywhere(rules.ground_of, lambda *_given, **_further: Basis.TREATING),
        (persons.a_record_of_somebody_elses_patient_stays_closed,),
    ),
    Guard(
        "hospital in the session's id",
        "app/web/principals.py",
        any_hospitals_session,
        (persons.a_session_of_one_hospital_is_nobody_at_the_other,),
    ),
    Guard(
        "cookie's name in its signature",
        "app/web/sessions.py",
        one_signature_for_all_cookies,
        (persons.a_cookie_under_another_name_is_none,),
    ),
    Guard(
        "end of sessions",
        "app/domain/identity/sessions.py",
        lambda *_: without_conditions(sessions, "_STAFF", "ended_at"),
        (persons.a_session_that_has_ended_is_over,),
    ),
    Guard(
        "idle limit",
        "app/domain/identity/sessions.py",
        lambda *_: without_conditions(sessions, "_STAFF", "last_seen_at"),
        (persons.a_session_left_idle_is_over,),
    ),
    Guard(
        "disabled accounts",
        "app/domain/identity/sessions.py",
        lambda *_: without_conditions(sessions, "_STAFF", "disabled_at"),
        (persons.a_disabled_account_is_out,),
    ),
    Guard(
        "form token",
        "app/web/guards.py",
        simply(guards, "csrf", SimpleNamespace(protect=lambda: None)),
        (persons.a_form_without_its_token_is_refused,),
    ),
    Guard(
        "reading writes nothing",
        "app/core/access_mode.py",
        writing_while_reading,
        (persons.a_page_that_is_read_writes_nothing,),
    ),
    Guard(
        "second factor",
        "app/web/sign_in.py",
        simply(sign_in, "has_second_factor", lambda _account: False),
        (persons.a_password_alone_opens_nothing,),
    ),
    Guard("codes work once", "app/domain/identity/totp.py", codes_for_ever, (persons.a_code_works_once,)),
    Guard(
        "asking again",
        "app/web/confirming.py",
        simply(confirming, "has_proven", lambda _principal: True),
        (persons.a_sensitive_act_asks_again,),
    ),
    Guard(
        "context of sealed values",
        "app/core/crypto.py",
        values_tied_to_nothing,
        (persons.a_sealed_value_opens_nowhere_else,),
    ),
    Guard(
        "hand-off works once", "app/domain/identity/front_door.py", hand_offs_for_ever, (persons.a_hand_off_works_once,)
    ),
    Guard("errors quote no row", "app/tenancy/engines.py", errors_that_quote_rows, (hospitals.an_error_quotes_no_row,)),
    Guard(
        "support only looks",
        "app/web/visitors.py",
        simply(guards, "admit_visitor", lambda *_: None),
        (persons.support_has_no_account_inside_a_hospital,),
    ),
    Guard(
        "end of a support grant",
        "app/domain/support/visiting.py",
        lambda *_: without_conditions(visiting, "_VISIT", "ended_at"),
        (persons.support_is_out_when_the_hospital_ends_it,),
    ),
)

ALL_CHECKS = tuple(dict.fromkeys(check for guard in GUARDS for check in guard.missed_by))
