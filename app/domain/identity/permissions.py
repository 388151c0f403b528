"""What operators, staff and patients may be allowed to do, and the roles a hospital starts with."""

from __future__ import annotations

from typing import NamedTuple

from app.core.errors import Text
from app.core.i18n import _l
from app.core.permissions import FieldAccess, Permission, Scope, declare
from app.domain.access.fields import (
    ADDRESS,
    ALLERGIES,
    BHYT,
    CCCD,
    EMAIL,
    MEDICINES,
    PHONE,
    REASON,
    RECORD_FIELDS,
    ProtectedField,
    list_fields,
)
from app.tenancy.models import OperatorRole

VIEW_HOSPITALS = declare("hospitals.view", "admin", _l("See hospitals and how they do"))
CREATE_HOSPITALS = declare("hospitals.create", "admin", _l("Create hospitals"))
SUSPEND_HOSPITALS = declare("hospitals.suspend", "admin", _l("Suspend hospitals and let them serve again"))
MANAGE_OPERATIONS = declare("operations.manage", "admin", _l("Take long work up again and cancel it"))
BACK_UP_HOSPITALS = declare("hospitals.back_up", "admin", _l("Back hospitals up, and say how often"))
RESTORE_HOSPITALS = declare("hospitals.restore", "admin", _l("Restore and import hospitals"))
EXPORT_HOSPITALS = declare("hospitals.export", "admin", _l("Make a hospital's exit kit"))
DELETE_HOSPITALS = declare("hospitals.delete", "admin", _l("Archive and delete hospitals"))
MIGRATE_FLEET = declare("fleet.migrate", "admin", _l("Migrate the schema of hospitals"))
MOVE_HOSPITALS = declare("hospitals.move", "admin", _l("Move hospitals to another database server"))
MANAGE_CREDENTIALS = declare("credentials.manage", "admin", _l("Rotate credentials and check isolation"))
VIEW_PLATFORM_AUDIT = declare("platform_audit.view", "admin", _l("Read the platform's audit log"))
MANAGE_OPERATORS = declare("operators.manage", "admin", _l("Invite, disable and unlock operators"))
MANAGE_GATEWAY = declare("gateway.manage", "admin", _l("Set rates, address rules and sign-in policies"))
VIEW_SECURITY = declare("security.view", "admin", _l("See security events and alerts"))
MANAGE_ALERTS = declare("alerts.manage", "admin", _l("Take alerts over, and say what raises them"))
ASK_SUPPORT_ACCESS = declare("support.ask", "admin", _l("Ask a hospital for support access"))
VIEW_COMPONENTS = declare("components.view", "admin", _l("See the interface components"))

VIEW_PATIENTS = declare("patients.view", "hospital", _l("Find patients and see who they are"))
REGISTER_PATIENTS = declare("patients.register", "hospital", _l("Register patients and correct their data"))
VIEW_APPOINTMENTS = declare("appointments.view", "hospital", _l("See the day's appointments"))
CHECK_IN = declare("appointments.check_in", "hospital", _l("Check patients in"))
BOOK_FOR_PATIENTS = declare("appointments.book", "hospital", _l("Book and cancel visits for patients"))
CALL_PATIENTS = declare("queue.call", "hospital", _l("Call patients by their numbers"))
SHOW_QUEUE = declare("queue.display", "hospital", _l("Open the calling screen"))
MANAGE_SCREENS = declare("queue.screens", "hospital", _l("Set up calling screens"))
RECORD_VITALS = declare("vitals.record", "hospital", _l("Record vital signs"))
VIEW_RECORDS = declare("records.view", "hospital", _l("Read medical records"))
WRITE_RECORDS = declare("records.write", "hospital", _l("Write and sign medical records"))
PRESCRIBE = declare("prescriptions.write", "hospital", _l("Prescribe medicines"))
VIEW_ACCESS_LOG = declare("access_log.view", "hospital", _l("See who has looked at a patient"))
VIEW_DATA_SAFETY = declare("data_safety.view", "hospital", _l("See how the hospital's data is kept"))
MANAGE_STAFF = declare("staff.manage", "hospital", _l("Invite, change, disable and unlock staff"))
MANAGE_ROLES = declare("roles.manage", "hospital", _l("Change roles and who has them"))
MANAGE_PATIENT_ACCOUNTS = declare(
    "patient_accounts.manage", "hospital", _l("Give patients access to their portal, and take it away")
)
BREAK_GLASS = declare("emergency_access.use", "hospital", _l("Open a record in an emergency, with a reason"))
REVIEW_BREAK_GLASS = declare("emergency_access.review", "hospital", _l("Review emergency access"))
GRANT_SUPPORT = declare("support.grant", "hospital", _l("Let the platform's support in for some hours"))
MANAGE_HOSPITAL_GATEWAY = declare("hospital_gateway.manage", "hospital", _l("Set the hospital's own access rules"))
VIEW_HOSPITAL_SECURITY = declare("hospital_security.view", "hospital", _l("See the hospital's security events"))
VIEW_AUDIT = declare("audit.view", "hospital", _l("Search the hospital's logs"))
EXPORT_AUDIT = declare("audit.export", "hospital", _l("Export the hospital's logs"))
MANAGE_CONFIDENTIALITY = declare("confidentiality.manage", "hospital", _l("Say whose records are confidential"))
MANAGE_PRIVACY = declare("privacy.manage", "hospital", _l("Answer patients' requests about their data"))
ERASE_PATIENTS = declare("privacy.erase", "hospital", _l("Erase or de-identify patients"))
MANAGE_RETENTION = declare("retention.manage", "hospital", _l("Say how long records are kept, and purge them"))
MANAGE_BREACHES = declare("breaches.manage", "hospital", _l("Keep the register of data breaches"))

VIEW_LONG_WORK = declare("long_work.view", "hospital", _l("See the hospital's exports, imports and other long work"))
MANAGE_LONG_WORK = declare("long_work.manage", "hospital", _l("Cancel others' long work and fetch what came of it"))
EXPORT_PATIENTS = declare("patients.export", "hospital", _l("Export patients as a file"))
EXPORT_APPOINTMENTS = declare("appointments.export", "hospital", _l("Export visits as a file"))
IMPORT_PATIENTS = declare("patients.import", "hospital", _l("Import patients from a file"))
VIEW_MESSAGES = declare("messages.view", "hospital", _l("See what was written to patients, and what became of it"))
MANAGE_MESSAGES = declare("messages.manage", "hospital", _l("Word messages, set their channels, decide about them"))
MANAGE_REMINDERS = declare("reminders.manage", "hospital", _l("Say when patients are reminded, and when not"))
REQUEUE_MESSAGES = declare("messages.requeue", "hospital", _l("Have messages that did not arrive sent again"))

MERGE_PATIENTS = declare(
    "patients.merge", "hospital", _l("Join patients who were registered twice, and part them again")
)
MANAGE_FORM_RULES = declare("form_rules.manage", "hospital", _l("Set the hospital's own rules for forms"))
MANAGE_ORGANISATION = declare("organisation.manage", "hospital", _l("Set up departments, rooms, hours and holidays"))
MANAGE_SCHEDULES = declare("schedules.manage", "hospital", _l("Plan doctors' hours and absences"))
OVERBOOK = declare("appointments.overbook", "hospital", _l("Book beyond a doctor's hours and capacity"))
MANAGE_TEMPLATES = declare("record_templates.manage", "hospital", _l("Set up templates of medical records"))
MANAGE_FORMULARY = declare("formulary.manage", "hospital", _l("Keep the formulary, interactions and order sets"))
ORDER_TESTS = declare("lab.order", "hospital", _l("Order tests and imaging"))
COLLECT_SPECIMENS = declare("lab.collect", "hospital", _l("Collect specimens and print their labels"))
ENTER_RESULTS = declare("lab.enter", "hospital", _l("Enter and import results"))
VERIFY_RESULTS = declare("lab.verify", "hospital", _l("Verify results that somebody else entered"))
VIEW_RESULTS = declare("lab.view", "hospital", _l("Read results of tests and imaging"))
MANAGE_LAB_CATALOGUE = declare("lab.catalogue", "hospital", _l("Keep the catalogue of tests"))
VIEW_DOCUMENTS = declare("documents.view", "hospital", _l("Read patients' documents"))
ADD_DOCUMENTS = declare("documents.add", "hospital", _l("Add documents and new versions of them"))
VIEW_REPORTS = declare("reports.view", "hospital", _l("See the hospital's figures"))

OWN_RECORD = declare("own.record", "patient", _l("See one's own record"))
OWN_APPOINTMENTS = declare("own.appointments", "patient", _l("Book and cancel one's own visits"))

PATIENT_PERMISSIONS = frozenset({OWN_RECORD.code, OWN_APPOINTMENTS.code})

_ADMINISTRATOR = (
    VIEW_PATIENTS,
    VIEW_APPOINTMENTS,
    VIEW_ACCESS_LOG,
    VIEW_DATA_SAFETY,
    MANAGE_STAFF,
    MANAGE_ROLES,
    MANAGE_PATIENT_ACCOUNTS,
    REVIEW_BREAK_GLASS,
    GRANT_SUPPORT,
    MANAGE_HOSPITAL_GATEWAY,
    VIEW_HOSPITAL_SECURITY,
    VIEW_AUDIT,
    EXPORT_AUDIT,
    MANAGE_CONFIDENTIALITY,
    MANAGE_PRIVACY,
    ERASE_PATIENTS,
    MANAGE_RETENTION,
    MANAGE_BREACHES,
    SHOW_QUEUE,
    MANAGE_SCREENS,
    VIEW_LONG_WORK,
    MANAGE_LONG_WORK,
    EXPORT_PATIENTS,
    EXPORT_APPOINTMENTS,
    IMPORT_PATIENTS,
    VIEW_MESSAGES,
    MANAGE_MESSAGES,
    MANAGE_REMINDERS,
    REQUEUE_MESSAGES,
    MANAGE_FORM_RULES,
    MANAGE_ORGANISATION,
    MANAGE_SCHEDULES,
    MANAGE_TEMPLATES,
    MANAGE_FORMULARY,
    MANAGE_LAB_CATALOGUE,
    VIEW_REPORTS,
)


class RolePreset(NamedTuple):
    """A role that every hospital starts with; its own to change."""

    name: str
    permissions: frozenset[str]
    scope: Scope
    fields: dict[str, FieldAccess]


def _role(
    name: str,
    *permissions: Permission,
    scope: Scope = Scope.HOSPITAL,
    reads: tuple[ProtectedField, ...] = (),
    sees_nothing_of: tuple[ProtectedField, ...] = (),
) -> RolePreset:
    """Return a preset; fields that it does not name may be written."""
    closed = {field.code: FieldAccess.READ for field in reads}
    closed |= {field.code: FieldAccess.HIDDEN for field in sees_nothing_of}
    fields = {field.code: closed.get(field.code, FieldAccess.WRITE) for field in list_fields()}
    return RolePreset(name, frozenset(entry.code for entry in permissions), scope, fields)


_DESK = (VIEW_PATIENTS, VIEW_APPOINTMENTS)
_WHO = (CCCD, BHYT, PHONE, EMAIL, ADDRESS)
_NOTES = (*RECORD_FIELDS, MEDICINES)

ROLE_PRESETS: dict[str, RolePreset] = {
    "doctor": _role(
        "Bác sĩ",
        *_DESK,
        CALL_PATIENTS,
        RECORD_VITALS,
        VIEW_RECORDS,
        WRITE_RECORDS,
        PRESCRIBE,
        BREAK_GLASS,
        ORDER_TESTS,
        VIEW_RESULTS,
        VIEW_DOCUMENTS,
        ADD_DOCUMENTS,
        scope=Scope.DEPARTMENT,
        reads=_WHO,
    ),
    "nurse": _role(
        "Điều dưỡng",
        *_DESK,
        CALL_PATIENTS,
        RECORD_VITALS,
        VIEW_RECORDS,
        BREAK_GLASS,
        COLLECT_SPECIMENS,
        VIEW_RESULTS,
        VIEW_DOCUMENTS,
        scope=Scope.DEPARTMENT,
        reads=(*_WHO, *_NOTES),
    ),
    "receptionist": _role(
        "Tiếp đón",
        *_DESK,
        CALL_PATIENTS,
        SHOW_QUEUE,
        VIEW_MESSAGES,
        REGISTER_PATIENTS,
        CHECK_IN,
        BOOK_FOR_PATIENTS,
        MANAGE_PATIENT_ACCOUNTS,
        MERGE_PATIENTS,
        OVERBOOK,
        sees_nothing_of=_NOTES,
    ),
    "lab_technician": _role(
        "Kỹ thuật viên xét nghiệm",
        *_DESK,
        COLLECT_SPECIMENS,
        ENTER_RESULTS,
        VERIFY_RESULTS,
        VIEW_RESULTS,
        reads=(PHONE, ALLERGIES, REASON),
        sees_nothing_of=(CCCD, BHYT, EMAIL, ADDRESS, *_NOTES),
    ),
    "pharmacist": _role(
        "Dược sĩ",
        *_DESK,
        reads=(BHYT, PHONE, ALLERGIES, MEDICINES),
        sees_nothing_of=(CCCD, EMAIL, ADDRESS, REASON, *RECORD_FIELDS),
    ),
    "cashier": _role("Thu ngân", *_DESK, reads=_WHO, sees_nothing_of=(ALLERGIES, REASON, *_NOTES)),
    "records_clerk": _role(
        "Nhân viên lưu trữ hồ sơ",
        *_DESK,
        REGISTER_PATIENTS,
        MERGE_PATIENTS,
        VIEW_RECORDS,
        VIEW_DOCUMENTS,
        ADD_DOCUMENTS,
        reads=(ALLERGIES, REASON, *_NOTES),
    ),
    "administrator": _role(
        "Quản trị bệnh viện", *_ADMINISTRATOR, reads=_WHO, sees_nothing_of=(ALLERGIES, REASON, *_NOTES)
    ),
}

OPERATOR_ROLES: dict[OperatorRole, Text] = {
    OperatorRole.SUPER_ADMIN: _l("Super administrator"),
    OperatorRole.TECHNICIAN: _l("Technician"),
    OperatorRole.SUPPORT: _l("Support"),
}

_TECHNICIAN = (
    VIEW_HOSPITALS,
    CREATE_HOSPITALS,
    SUSPEND_HOSPITALS,
    MANAGE_OPERATIONS,
    BACK_UP_HOSPITALS,
    RESTORE_HOSPITALS,
    MIGRATE_FLEET,
    MOVE_HOSPITALS,
    MANAGE_CREDENTIALS,
    MANAGE_GATEWAY,
    VIEW_SECURITY,
    VIEW_COMPONENTS,
)

OPERATOR_PRESETS: dict[OperatorRole, frozenset[str]] = {
    OperatorRole.SUPER_ADMIN: frozenset(
        p.code
        for p in (
            *_TECHNICIAN,
            DELETE_HOSPITALS,
            EXPORT_HOSPITALS,
            VIEW_PLATFORM_AUDIT,
            MANAGE_OPERATORS,
            MANAGE_ALERTS,
            ASK_SUPPORT_ACCESS,
        )
    ),
    OperatorRole.TECHNICIAN: frozenset(p.code for p in _TECHNICIAN),
    OperatorRole.SUPPORT: frozenset(p.code for p in (VIEW_HOSPITALS, ASK_SUPPORT_ACCESS)),
}
