"""What operators, staff and patients may be allowed to do, and the roles a hospital starts with."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.core.permissions import declare
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
)

ROLE_PRESETS: dict[str, tuple[str, frozenset[str]]] = {
    "doctor": (
        "Bác sĩ",
        frozenset(
            p.code
            for p in (
                VIEW_PATIENTS,
                VIEW_APPOINTMENTS,
                RECORD_VITALS,
                VIEW_RECORDS,
                WRITE_RECORDS,
                PRESCRIBE,
                BREAK_GLASS,
            )
        ),
    ),
    "nurse": (
        "Điều dưỡng",
        frozenset(p.code for p in (VIEW_PATIENTS, VIEW_APPOINTMENTS, RECORD_VITALS, VIEW_RECORDS, BREAK_GLASS)),
    ),
    "receptionist": (
        "Tiếp đón",
        frozenset(p.code for p in (VIEW_PATIENTS, REGISTER_PATIENTS, VIEW_APPOINTMENTS, CHECK_IN, BOOK_FOR_PATIENTS)),
    ),
    "administrator": (
        "Quản trị bệnh viện",
        frozenset(p.code for p in _ADMINISTRATOR),
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
