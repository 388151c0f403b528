"""Asking again before sensitive acts: whoever proved long ago who they are proves it once more, then goes on.

What was sent is carried on the page that asks, so that nothing typed is lost: all but passwords and files, which no
page may repeat. Nothing of it needs JavaScript. (ASVS 5.0, 7.5.1, 7.5.3; NIST SP 800-63B, 7.2)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response, g, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField
from wtforms.validators import DataRequired, Length

from app.core import clock
from app.core.errors import Forbidden, InvalidValue, NotSignedIn
from app.core.i18n import _l
from app.core.permissions import signed_in_only
from app.core.unit_of_work import unit_of_work
from app.domain.identity.confirming import confirm_passkey, confirm_password, owns_passkey
from app.domain.identity.passkeys import PasskeyRefused
from app.tenancy.policies import account_policy
from app.web.binding import SAFE_METHODS
from app.web.forms import Form
from app.web.passkeys import CONFIRM, answered, passkeys_possible
from app.web.principals import Principal, current_actor, find_principal, renew_session
from app.web.render import render, see_other, wants_fragment
from app.web.security import limiter
from app.web.targets import local_target, page_before

View = TypeVar("View", bound=Callable[..., Any])

PROOF, PASSKEY_PROOF = "proof_password", "proof_passkey"
SECRET = re.compile(r"password|passcode|passphrase|secret|otp", re.IGNORECASE)
OWN = frozenset({"csrf_token", PROOF, PASSKEY_PROOF})


class ProofForm(Form):
    """The password of who is signed in; a passkey does as well."""

    proof_password = PasswordField(
        _l("Your password"),
        validators=[DataRequired(_l("Enter your password.")), Length(max=128)],
        render_kw={"autocomplete": "current-password"},
    )


def asks_again(view: View | None = None, *, never_carry: Iterable[str] = ()) -> Any:
    """Have a view asked for only by people who have proven lately who they are; stands under `@requires(…)`.

    `never_carry` names fields that hold secrets under other names than a password's.
    """
    secret = frozenset(never_carry)

    def wrap(inner: View) -> Any:
        @wraps(inner)
        def asked(*args: Any, **kwargs: Any) -> Any:
            stopped = _stop(secret)
            return inner(*args, **kwargs) if stopped is None else stopped

        asked.asks_again = True  # type: ignore[attr-defined]
        return asked

    return wrap if view is None else wrap(view)


def has_proven(principal: Principal) -> bool:
    """Tell whether somebody proved within the policy's time who they are."""
    proven_at = principal.signed_in.proven_at
    return proven_at is not None and clock.now() - proven_at < account_policy(principal.portal).confirm_after


def add_confirming(blueprint: Blueprint) -> None:
    """Give a portal the page that asks before a page is shown; before an act, the act's own address asks."""

    @blueprint.route("/confirm", methods=["GET", "POST"])
    @signed_in_only
    @limiter.limit("20/minute", methods=["POST"])
    def confirm() -> BaseResponse:
        target = local_target(request.args.get("next"), f"{request.script_root}/{g.portal}/")
        form = ProofForm()
        if request.method == "POST" and _accepts(form):
            return see_other(target or url_for(f"{g.portal}.index"))
        return _page(form, request.full_path, status=422 if form.errors else 200)


def _stop(secret: frozenset[str]) -> BaseResponse | None:
    """Return the page that asks, or None where the act may go on."""
    principal = find_principal()
    if principal is None:
        raise NotSignedIn
    if principal.portal != g.portal:
        raise Forbidden
    if has_proven(principal):
        return None
    if request.method in SAFE_METHODS:
        here = request.script_root + request.full_path.rstrip("?")
        wanted = page_before() if wants_fragment() else None
        return see_other(url_for(f"{g.portal}.confirm", next=wanted or here))
    form = ProofForm()
    if _is_proof() and _accepts(form):
        return None
    kept = [(name, value) for name, value in request.form.items(multi=True) if _may_carry(name, secret)]
    dropped = any(name not in OWN and not _may_carry(name, secret) for name in request.form) or any(
        file.filename for file in request.files.values()
    )
    response = _page(form, request.full_path, status=422 if form.errors else 403, kept=kept, dropped=dropped)
    if wants_fragment():
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#content", "innerHTML"
    return response


def _accepts(form: ProofForm) -> bool:
    """Check the proof and give the browser a new token, for good: whatever becomes of the act itself."""
    principal, by_passkey = find_principal(), PASSKEY_PROOF in request.form
    if principal is None or not (by_passkey or form.validate()):
        return False
    try:
        with unit_of_work():
            if by_passkey:
                confirm_passkey(current_actor(), principal.portal, answered(CONFIRM, PASSKEY_PROOF))
            else:
                confirm_password(current_actor(), principal.portal, form.proof_password.data)
            renew_session(principal, proven=True)
    except PasskeyRefused as error:
        form.form_errors.append(error.message)
        return False
    except InvalidValue as error:
        form.add_error(PROOF, error)
        return False
    return True


def _is_proof() -> bool:
    return PROOF in request.form or PASSKEY_PROOF in request.form


def _may_carry(name: str, secret: frozenset[str]) -> bool:
    return name not in OWN and name not in secret and not SECRET.search(name)


def _page(
    form: ProofForm,
    address: str,
    *,
    status: int,
    kept: list[tuple[str, str]] | None = None,
    dropped: bool = False,
) -> Response:
    return render(
        "account/confirm.html",
        status=status,
        form=form,
        address=request.script_root + address.rstrip("?"),
        carried=Markup("\n").join(
            Markup('<input type="hidden" name="{}" value="{}">').format(name, value) for name, value in kept or []
        ),
        is_act=kept is not None,
        passkeys=passkeys_possible() and owns_passkey(current_actor(), g.portal),
        dropped=dropped,
        has_errors=bool(form.errors),
    )
