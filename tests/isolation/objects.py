"""Which objects of the world an address is filled with: one's own, another patient's, another hospital's, portal's.

A new name of an argument is named here, with the object that it means.
"""

from __future__ import annotations

import enum
from typing import Any
from uuid import UUID

from werkzeug.routing import Rule

from tests.support.fixed_ids import fixed_id
from tests.support.world import Belongings, World
from tests.support.world_access import ASKED, STAFF_PASSKEY, STAFF_SESSION, VISITOR
from tests.support.world_organisation import ABSENCE, FACILITY, HOLIDAY, ROOM, VISIT_TYPE
from tests.support.world_platform import BACKUP, LETTER, OPERATION, RULE
from tests.support.world_prescribing import FAVOURITE, INTERACTION, ORDER_SET, ORDER_SET_ITEM
from tests.support.world_records import TEMPLATE
from tests.support.world_waiting import REMINDER_RULE


class Whose(enum.StrEnum):
    """Whose objects an address is about, seen from the world that is asked."""

    OWN = "own"
    OTHER_PATIENT = "another patient's"
    OTHER_HOSPITAL = "another hospital's"
    OTHER_PORTAL = "another portal's"


# What of the arguments below belongs to a patient; the rest is the hospital's or the platform's.
OF_PATIENTS = {
    "appointment_id", "patient_id", "record_id", "diagnosis_id", "prescription_id", "item_id", "vitals_id",
    "allergy_id", "request_id", "emergency_id", "hold_id", "message_id",
    "ticket_id", "reminder_id", "entry_id", "offer_id", "document_id", "relation_id", "condition_id",
    "lab_order_id", "ordered_test_id", "specimen_id", "report_id",
}  # fmt: skip
NO_OBJECTS = {"portal", "token", "name", "template", "channel", "locale", "purpose", "subject"}
# Presets have the same ids in every hospital; the platform's own things are there once.
THE_SAME_EVERYWHERE = {
    "reminder_rule_id", "role_id", "rule_id", "department_id", "medicine_id", "user_id", "operation_id", "backup_id",
    "letter_id", "lab_test_id", "analyte_id", "range_id", "lab_panel_id",
}  # fmt: skip
# In the patients' portal these are patients', too; in the others they are the doctor's, or the first operator's.
OF_EVERYBODY = {"session_id", "passkey_id"}


def patients_objects(theirs: Belongings, rule: Rule) -> dict[str, Any]:
    """Return the objects of one patient by the names of arguments."""
    of_everybody = {"session_id": theirs.session_id, "passkey_id": theirs.passkey_id}
    return {
        "appointment_id": theirs.visits[visit_for(rule)],
        "patient_id": theirs.patient_id,
        "record_id": theirs.signed_record_id if rule.rule.endswith("/amend") else theirs.draft_record_id,
        "diagnosis_id": theirs.diagnosis_id,
        "prescription_id": theirs.prescription_id,
        "item_id": theirs.item_id,
        "vitals_id": theirs.vital_signs_id,
        "allergy_id": theirs.allergy_id,
        "request_id": theirs.request_id,
        "emergency_id": theirs.emergency_id,
        "hold_id": theirs.hold_id,
        "message_id": theirs.message_id,
        "ticket_id": theirs.ticket_id,
        "reminder_id": theirs.reminder_id,
        "entry_id": theirs.entry_id,
        "offer_id": theirs.offer_id,
        "document_id": theirs.document_id,
        "relation_id": theirs.relation_id,
        "condition_id": theirs.condition_id,
        "lab_order_id": theirs.laboratory["order"],
        "ordered_test_id": theirs.laboratory["ordered" if rule.rule.endswith("/cancel") else "entered"],
        "specimen_id": theirs.laboratory["specimen"],
        "report_id": theirs.laboratory["draft" if rule.rule.endswith("/verify") else "report"],
        **(of_everybody if rule.endpoint.startswith("patient.") else {}),
    }


def visit_for(rule: Rule) -> str:
    """Return the state of the visit that an address is about, so that what it does can be done."""
    if rule.endpoint in ("hospital.consultations_start",):
        return "arrived"
    if rule.rule.endswith(("/cancel", "/check-in", "/booked", "/confirm", "/earlier", "/move")):
        return "booked"
    return "signed"


def hospitals_objects(world: World) -> dict[str, Any]:
    """Return the objects of a hospital that belong to no patient."""
    return {
        **world.catalogue,
        "department_id": world.department_id,
        "doctor_id": world.staff["doctor"],
        "medicine_id": world.medicine_id,
        "staff_id": world.staff["doctor"],
        "role_id": world.role_id,
        "rule_id": world.rule_id,
        "alert_id": world.alert_id,
        "breach_id": world.breach_id,
        "work_id": world.work_id,
        "screen_id": world.screen_id,
        "notice_id": world.notice_id,
        "purpose": "refused",
        "subject": "doctors",
        "schedule_id": world.schedule_id,
        "template_id": fixed_id(TEMPLATE, world.series),
        "favourite_id": fixed_id(FAVOURITE, world.series),
        "set_id": fixed_id(ORDER_SET, world.series),
        "set_item_id": fixed_id(ORDER_SET_ITEM, world.series),
        "interaction_id": fixed_id(INTERACTION, world.series),
        "facility_id": fixed_id(FACILITY, world.series),
        "room_id": fixed_id(ROOM, world.series),
        "type_id": fixed_id(VISIT_TYPE, world.series),
        "holiday_id": fixed_id(HOLIDAY, world.series),
        "absence_id": fixed_id(ABSENCE, world.series),
        "reminder_rule_id": REMINDER_RULE,
        "support_id": fixed_id(ASKED, world.series),
        "session_id": fixed_id(STAFF_SESSION, world.series),
        "passkey_id": fixed_id(STAFF_PASSKEY, world.series),
    }


def platforms_objects(rule: Rule) -> dict[str, Any]:
    """Return the objects of the platform, and what is no object."""
    nothing = fixed_id(9999)
    return {
        "hospital_id": nothing,
        "operation_id": fixed_id(OPERATION),
        "letter_id": fixed_id(LETTER),
        "user_id": fixed_id(VISITOR),
        "backup_id": fixed_id(BACKUP),
        "name": str(nothing),
        "token": "no-token-of-any-invitation",
        "template": "reminder",
        "channel": "email",
        "locale": "vi",
        "code": "beta",
        "portal": rule.rule.split("/")[1] if rule.endpoint != "web.set_locale" else "hospital",
    }


def values_for(rule: Rule, worlds: dict[str, World], whose: Whose = Whose.OWN) -> dict[str, Any]:
    """Return the object for every argument of a route; fails for an argument that nobody has named yet."""
    here = worlds["elsewhere"] if whose is Whose.OTHER_HOSPITAL else worlds["here"]
    theirs = here.other if whose is Whose.OTHER_PATIENT else here.patient
    named = {**platforms_objects(rule), **hospitals_objects(here), **patients_objects(theirs, rule)}
    if rule.endpoint.startswith("admin."):
        named["rule_id"] = fixed_id(RULE)
    unknown = set(rule.arguments) - set(named)
    assert not unknown, f"{rule.rule} takes {unknown}: name its object in tests/isolation/objects.py"
    values = {name: named[name] for name in rule.arguments}
    if whose is Whose.OTHER_HOSPITAL and "code" in values:
        values["code"] = "nowhere"
    if whose is Whose.OTHER_PORTAL:
        return {name: _of_another_portal(name, value, here) for name, value in values.items()}
    return values


def query_for(worlds: dict[str, World], whose: Whose = Whose.OWN) -> dict[str, str]:
    """Return what every GET asks for in its query: whoever searches finds patients, whoever books has chosen."""
    here = worlds["elsewhere"] if whose is Whose.OTHER_HOSPITAL else worlds["here"]
    theirs = here.other if whose is Whose.OTHER_PATIENT else here.patient
    return {
        "q": "Bệnh",
        "diagnosis_q": "viem mui",
        "medicine_q": "para",
        "department": str(here.department_id),
        "doctor": str(here.staff["doctor"]),
        "record": str(theirs.draft_record_id),
    }


TYPED = (
    "reason", "note", "complaint", "history", "assessment", "plan", "full_name", "name", "display_name", "street",
    "username", "identifier", "substance", "void_reason", "cancel_reason", "message", "comment", "purpose", "label",
    "answer", "description", "title", "statement", "password",
)  # fmt: skip


def form_for(worlds: dict[str, World], whose: Whose, typed: str) -> dict[str, str]:
    """Return what every form sends, so that what can be done is done: the first version, words wherever they fit."""
    here = worlds["elsewhere"] if whose is Whose.OTHER_HOSPITAL else worlds["here"]
    return {
        **query_for(worlds, whose),
        **dict.fromkeys(TYPED, typed),
        "version": "1",
        "code": "J00",
        "form": "csv",
        "room": "Phòng 1",
        "priority": "preferred",
        "language": "vi",
        "template": str(fixed_id(TEMPLATE, here.series)),
        "locale": "vi",
    }


def patients_arguments(rule: Rule) -> set[str]:
    """Return which arguments of a route are a patient's."""
    names = OF_PATIENTS | OF_EVERYBODY if rule.endpoint.startswith("patient.") else OF_PATIENTS
    return names & rule.arguments


def kinds_of_object(rule: Rule) -> list[Whose]:
    """Return whose objects a route can be asked about."""
    kinds = [Whose.OWN]
    if patients_arguments(rule):
        kinds.append(Whose.OTHER_PATIENT)
    objects = rule.arguments - NO_OBJECTS
    of_hospitals = objects & {"code"} if rule.endpoint.startswith("admin.") else objects - THE_SAME_EVERYWHERE
    if of_hospitals:
        kinds.append(Whose.OTHER_HOSPITAL)
    if objects:
        kinds.append(Whose.OTHER_PORTAL)
    return kinds


def _of_another_portal(name: str, value: Any, world: World) -> Any:
    """Return the id of something that another portal is about: an account, or a patient."""
    if name == "code":
        return "platform"
    if not isinstance(value, UUID):
        return value
    return world.patient.account_id if name in OF_PATIENTS else world.patient.patient_id
