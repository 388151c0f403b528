"""What acts and subjects of the logs are called for people; `subject.verb` is mostly said by putting both together."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _, _l

SUBJECTS: dict[str, Text] = {
    "account": _l("account"),
    "alert": _l("alert"),
    "alert_rule": _l("alert rule"),
    "allergy": _l("allergies"),
    "appointment": _l("visit"),
    "audit": _l("log"),
    "breach": _l("data breach"),
    "consent": _l("consent"),
    "consent_text": _l("consent text"),
    "confidentiality": _l("confidentiality"),
    "data_request": _l("request about personal data"),
    "department": _l("department"),
    "emergency_access": _l("emergency access"),
    "erasure": _l("erasure"),
    "file": _l("file"),
    "gateway": _l("access rules"),
    "gateway_rule": _l("access rules"),
    "invitation": _l("invitation"),
    "legal_hold": _l("legal hold"),
    "log": _l("log"),
    "medical_record": _l("medical record"),
    "message": _l("message"),
    "own": _l("own data"),
    "own_export": _l("export of own data"),
    "passkey": _l("passkey"),
    "password": _l("password"),
    "patient": _l("patient"),
    "patient_account": _l("patient's portal account"),
    "patient_consent": _l("consent"),
    "patient_user": _l("patient's portal account"),
    "prescription": _l("prescription"),
    "record": _l("medical record"),
    "retention": _l("retention"),
    "role": _l("role"),
    "roles": _l("role"),
    "schedule": _l("working hours"),
    "second_factor": _l("second factor"),
    "session": _l("signed-in browser"),
    "setting": _l("setting"),
    "staff": _l("member of staff"),
    "staff_user": _l("member of staff"),
    "support": _l("support access"),
    "support_grant": _l("support access"),
    "support_request": _l("support access"),
    "visit": _l("visit"),
    "vital_signs": _l("vital signs"),
    "vitals": _l("vital signs"),
    "worklist": _l("worklist"),
}
VERBS: dict[str, Text] = {
    "access": _l("Saw who had looked"),
    "access_log": _l("Saw who had looked"),
    "add": _l("Put in"),
    "amend": _l("Amended"),
    "appointments": _l("Saw own visits"),
    "ask": _l("Asked for"),
    "begin": _l("Began"),
    "book": _l("Booked"),
    "cancel": _l("Cancelled"),
    "change": _l("Changed"),
    "check_in": _l("Received"),
    "complete": _l("Completed"),
    "create": _l("Newly made"),
    "delete": _l("Deleted"),
    "disable": _l("Disabled"),
    "discard": _l("Discarded"),
    "edit": _l("Changed"),
    "enable": _l("Enabled"),
    "end": _l("Ended"),
    "enrol": _l("Set up"),
    "enter": _l("Entered"),
    "export": _l("Exported"),
    "fetch": _l("Fetched"),
    "give": _l("Gave"),
    "grant": _l("Granted"),
    "invite": _l("Invited"),
    "language": _l("Chose the language of"),
    "leave": _l("Went out of"),
    "list": _l("Listed"),
    "perform": _l("Performed"),
    "place": _l("Placed"),
    "print": _l("Printed"),
    "privacy": _l("Saw the data protection page of"),
    "publish": _l("Published"),
    "record": _l("Recorded"),
    "refuse": _l("Refused"),
    "register": _l("Registered"),
    "release": _l("Released"),
    "remove": _l("Removed"),
    "reset": _l("Reset"),
    "retire": _l("Dropped old months of"),
    "review": _l("Reviewed"),
    "revoke": _l("Ended"),
    "save": _l("Saved"),
    "search": _l("Searched"),
    "settings": _l("Saw the settings of"),
    "sign": _l("Signed"),
    "start": _l("Began"),
    "unlock": _l("Unlocked"),
    "update": _l("Changed"),
    "view": _l("Viewed"),
    "void": _l("Voided"),
    "withdraw": _l("Withdrew"),
}
WHOLE: dict[str, Text] = {
    "patient.search": _l("Found in a search for patients"),
    "patient.access": _l("Saw who had looked at the patient"),
    "patient.confidentiality": _l("Changed the patient's confidentiality"),
    "own.home": _l("Patient's own first page"),
    "own.appointments": _l("Patient's own visits"),
    "own.appointment": _l("Patient's own visit"),
    "own.visit": _l("Patient's own visit"),
    "own.record": _l("Patient's own record"),
    "own.profile": _l("Patient's own personal data"),
    "own.requests": _l("Patient's own requests"),
    "own.access_log": _l("Patient saw who had looked"),
    "session.begin": _l("Signed in"),
    "session.end": _l("Signed out"),
    "session.confirm": _l("Proved again who they are"),
    "session.revoke": _l("Ended signed-in browsers"),
    "support.view": _l("Support saw a page"),
    "worklist.view": _l("Saw the day's list of visits"),
    "appointment.no_show": _l("Noted that the patient did not come"),
    "breach.affected": _l("Wrote down who is affected by a data breach"),
    "audit.search": _l("Searched the log"),
    "audit.export": _l("Exported the log"),
    "audit.retention": _l("Changed how long the log is kept"),
    "audit.retire": _l("Dropped old months of the log"),
    "log.search": _l("Searched the log"),
}
BASES: dict[str, Text] = {
    "own": _l("The patient"),
    "treating": _l("Treating"),
    "department": _l("Same department"),
    "hospital": _l("Whole hospital"),
    "emergency": _l("Emergency access"),
    "support": _l("Platform support"),
}
KINDS: dict[str, Text] = {
    "staff": _l("Staff"),
    "patient": _l("Patient"),
    "operator": _l("Operator"),
    "system": _l("System"),
}


def action_words(code: str) -> str:
    """Say an act; one that is not known is said as far as it is known."""
    if code in WHOLE:
        return str(WHOLE[code])
    subject, _dot, verb = code.partition(".")
    if verb in VERBS and subject in SUBJECTS:
        return _("%(verb)s: %(subject)s", verb=VERBS[verb], subject=SUBJECTS[subject])
    if verb in VERBS:
        return str(VERBS[verb])
    return str(SUBJECTS.get(subject, code))


def subject_words(subject_type: str) -> str:
    """Say what kind of thing an act was about."""
    return str(SUBJECTS.get(subject_type, subject_type))
