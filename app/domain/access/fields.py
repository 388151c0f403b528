"""The registry of protected fields: what a role may be kept from reading or writing though it opens the page."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.actor import Actor, ActorKind, Basis
from app.core.errors import Forbidden, Text
from app.core.i18n import _l
from app.core.permissions import FieldAccess

_registry: dict[str, ProtectedField] = {}


@dataclass(frozen=True, slots=True)
class ProtectedField:
    """A field of a subject that roles open and close."""

    subject: str
    name: str
    title: Text

    @property
    def code(self) -> str:
        """Return the name under which rules are kept."""
        return f"{self.subject}.{self.name}"


class FieldClosed(Forbidden):
    """Somebody wrote into a field that is not theirs to write."""

    title = _l("You may not change this")
    default_message = _l("Your role does not let you change one of the fields that you sent. Nothing was saved.")


def declare_field(subject: str, name: str, title: Text) -> ProtectedField:
    """Register a protected field; raises ValueError when its code is taken."""
    declared = ProtectedField(subject, name, title)
    if declared.code in _registry:
        raise ValueError(f"field {declared.code!r} is declared twice")
    _registry[declared.code] = declared
    return declared


def list_fields() -> list[ProtectedField]:
    """Return the declared fields in the order of their declaration."""
    return list(_registry.values())


def access_to(actor: Actor, code: str) -> FieldAccess:
    """Return what somebody may do with a field; raises KeyError for one that nobody declared."""
    if code not in _registry:
        raise KeyError(code)
    if actor.kind is ActorKind.OPERATOR:
        return FieldAccess.READ if actor.basis is Basis.SUPPORT else FieldAccess.HIDDEN
    return FieldAccess.WRITE if actor.bounds is None else actor.bounds.closed.get(code, FieldAccess.WRITE)


def may_read(actor: Actor, code: str) -> bool:
    """Tell whether somebody may read a field."""
    return access_to(actor, code) is not FieldAccess.HIDDEN


def may_write(actor: Actor, code: str) -> bool:
    """Tell whether somebody may write a field."""
    return access_to(actor, code) is FieldAccess.WRITE


CCCD = declare_field("patient", "cccd", _l("CCCD number"))
BHYT = declare_field("patient", "bhyt", _l("Health insurance (BHYT)"))
PHONE = declare_field("patient", "phone", _l("Phone"))
EMAIL = declare_field("patient", "email", _l("E-mail"))
ADDRESS = declare_field("patient", "address", _l("Address"))
ALLERGIES = declare_field("patient", "allergies", _l("Allergies"))
REASON = declare_field("visit", "reason", _l("Reason for visit"))
COMPLAINT = declare_field("record", "complaint", _l("Reason for visit"))
HISTORY = declare_field("record", "history", _l("History"))
EXAMINATION = declare_field("record", "examination", _l("Examination"))
ASSESSMENT = declare_field("record", "assessment", _l("Assessment"))
PLAN = declare_field("record", "plan", _l("Plan"))
MEDICINES = declare_field("prescription", "medicines", _l("Medicines"))

PATIENT_FIELDS = (CCCD, BHYT, PHONE, EMAIL, ADDRESS, ALLERGIES)
RECORD_FIELDS = (COMPLAINT, HISTORY, EXAMINATION, ASSESSMENT, PLAN)
CLINICAL = frozenset(entry.code for entry in (ALLERGIES, REASON, *RECORD_FIELDS, MEDICINES))
