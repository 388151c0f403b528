"""The kinds of security events by code: how people read them, and how much each usually matters."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.core.risks import Risk

KINDS: dict[str, tuple[Text, Risk]] = {
    "sign_in.failed": (_l("Sign-in failed"), Risk.LOW),
    "sign_in.throttled": (_l("Sign-in slowed down"), Risk.MEDIUM),
    "sign_in.new_device": (_l("Sign-in from a new device"), Risk.LOW),
    "sign_in.unusual_hour": (_l("Sign-in at an unusual hour"), Risk.MEDIUM),
    "second_factor.failed": (_l("Second factor failed"), Risk.LOW),
    "second_factor.enrol": (_l("Second factor set up"), Risk.LOW),
    "second_factor.remove": (_l("Second factor removed"), Risk.MEDIUM),
    "second_factor.reset": (_l("Second factor reset by somebody else"), Risk.HIGH),
    "password.change": (_l("Password changed"), Risk.LOW),
    "password.reset": (_l("Password reset by e-mail"), Risk.MEDIUM),
    "confirm.failed": (_l("Wrong password when asked again"), Risk.LOW),
    "account.disable": (_l("Account disabled"), Risk.MEDIUM),
    "account.enable": (_l("Account enabled"), Risk.MEDIUM),
    "account.unlock": (_l("Account unlocked"), Risk.LOW),
    "session.revoke": (_l("Signed-in browser ended"), Risk.LOW),
    "access.denied": (_l("Page refused"), Risk.LOW),
    "emergency_access.begin": (_l("Emergency access to a record"), Risk.HIGH),
    "role.change": (_l("Roles changed"), Risk.MEDIUM),
    "support.ask": (_l("Support access asked for"), Risk.LOW),
    "support.grant": (_l("Support access granted"), Risk.HIGH),
    "support.enter": (_l("Support entered the hospital"), Risk.HIGH),
    "gateway.refused": (_l("Refused by an access rule"), Risk.LOW),
    "gateway.change": (_l("Access rules changed"), Risk.MEDIUM),
    "records.many": (_l("Many records opened in a short time"), Risk.HIGH),
    "audit.tampered": (_l("Log altered"), Risk.CRITICAL),
    "export.own_data": (_l("A patient's data exported"), Risk.MEDIUM),
    "export.many": (_l("Many patients' data fetched as a file"), Risk.MEDIUM),
    "export.audit": (_l("Log exported"), Risk.MEDIUM),
    "erasure.perform": (_l("Patient erased or de-identified"), Risk.HIGH),
    "breach.register": (_l("Data breach registered"), Risk.HIGH),
    "request.overdue": (_l("A request about personal data is overdue"), Risk.MEDIUM),
    "job.forged": (_l("Forged job refused"), Risk.CRITICAL),
    "index.drifted": (_l("The index of patients had drifted"), Risk.MEDIUM),
    "work.given_up": (_l("Work given up"), Risk.MEDIUM),
}


def declare_kind(code: str, title: Text, risk: Risk) -> str:
    """Add a kind of event; raises ValueError when its code is taken."""
    if code in KINDS:
        raise ValueError(f"security event {code!r} is declared twice")
    KINDS[code] = (title, risk)
    return code


def title_of(kind: str) -> Text:
    """Return how people read a kind; one of another release is read as its code."""
    return KINDS[kind][0] if kind in KINDS else kind


def usual_risk(kind: str) -> Risk:
    """Return how much a kind usually matters; raises KeyError for one that was not declared."""
    return KINDS[kind][1]
