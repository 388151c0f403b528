"""The form of a role: permissions grouped by subject, the scope, and what the role may do with protected fields.

The page of a conflict sends a list as one text, the checkboxes of the page one value each; both are read.
"""

from __future__ import annotations

import json
from typing import Any

from flask import request
from wtforms import BooleanField, HiddenField, RadioField, SelectField, SelectMultipleField, StringField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.core.errors import Text
from app.core.i18n import _l
from app.core.permissions import FieldAccess, Permission, Scope, list_permissions
from app.domain.access.fields import ProtectedField, list_fields
from app.domain.identity.roles import LONGEST_NAME, RoleContent
from app.hospital.forms.emergency_access import VersionedForm

SCOPE: dict[Scope, Text] = {
    Scope.HOSPITAL: _l("The whole hospital"),
    Scope.DEPARTMENT: _l("Patients of the own department, and those whom the person treats"),
    Scope.TREATING: _l("Only patients whom the person treats"),
}
ACCESS: dict[FieldAccess, Text] = {
    FieldAccess.WRITE: _l("Read and change"),
    FieldAccess.READ: _l("Read only"),
    FieldAccess.HIDDEN: _l("Not shown"),
}
SUBJECTS: dict[str, tuple[Text, tuple[str, ...]]] = {
    "patients": (_l("Patients"), ("patients", "confidentiality", "patient_accounts")),
    "visits": (_l("Visits"), ("appointments",)),
    "clinical": (_l("Examination and treatment"), ("vitals", "records", "prescriptions", "emergency_access")),
    "oversight": (_l("Oversight"), ("access_log", "audit", "hospital_security")),
    "people": (_l("People and access"), ("staff", "roles", "hospital_gateway", "support")),
    "data": (_l("Data protection"), ("privacy", "retention", "breaches", "data_safety")),
    "other": (_l("Other"), ()),
}
FIELD_SUBJECT: dict[str, Text] = {
    "patient": _l("Patient"),
    "visit": _l("Visits"),
    "record": _l("Medical record"),
    "prescription": _l("Prescription"),
}


def group_permissions() -> list[tuple[Text, list[Permission]]]:
    """Return the permissions of the hospital's portal under the subjects in which people think."""
    named = {prefix for _title, prefixes in SUBJECTS.values() for prefix in prefixes}
    every = list_permissions("hospital")

    def of(prefixes: tuple[str, ...]) -> list[Permission]:
        if not prefixes:
            return [entry for entry in every if entry.code.split(".")[0] not in named]
        return [entry for entry in every if entry.code.split(".")[0] in prefixes]

    groups = [(title, of(prefixes)) for title, prefixes in SUBJECTS.values()]
    return [(title, entries) for title, entries in groups if entries]


class RoleForm(VersionedForm):
    """A role; `was` is what the page began with, for the case of a conflict."""

    name = StringField(
        _l("Name of the role"),
        validators=[
            DataRequired(_l("Enter a name of at most %(most)s characters.", most=LONGEST_NAME)),
            Length(max=LONGEST_NAME, message=_l("Enter a name of at most %(most)s characters.", most=LONGEST_NAME)),
        ],
    )
    scope = RadioField(
        _l("With whose data"),
        choices=[SelectChoice(scope.value, label) for scope, label in SCOPE.items()],
        validators=[DataRequired(_l("Choose with whose data the role counts."))],
    )
    knowingly = BooleanField(_l("Yes, take this away"))
    was = HiddenField()

    @property
    def content(self) -> RoleContent:
        """Return what a valid form says."""
        chosen = frozenset(code for value in request.form.getlist("permissions") for code in value.split())
        fields = {
            entry.code: FieldAccess(value)
            for entry in list_fields()
            if (value := request.form.get(f"access.{entry.code}", "")) in set(FieldAccess)
        }
        return RoleContent(self.name.data or "", chosen, Scope(self.scope.data), fields)

    @property
    def began_with(self) -> dict[str, str]:
        """The values that the page began with; nothing where they are unreadable."""
        try:
            found = json.loads(self.was.data or "{}")
        except ValueError:
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def form_values(content: RoleContent) -> dict[str, str]:
    """Return a role as texts: for the conflict page, and for `was`."""
    return {
        "name": content.name,
        "scope": content.scope.value,
        "permissions": " ".join(sorted(content.permissions)),
        **{f"access.{entry.code}": content.access_to(entry.code).value for entry in list_fields()},
    }


def field_groups() -> list[tuple[Text, list[ProtectedField]]]:
    """Return the protected fields under their subjects."""
    return [
        (title, [entry for entry in list_fields() if entry.subject == subject])
        for subject, title in FIELD_SUBJECT.items()
    ]


def choices_of(content: RoleContent) -> Any:
    """Return a form that shows what of permissions and fields is chosen; it reads nothing."""

    class Chosen(VersionedForm):
        pass

    for number, (title, entries) in enumerate(group_permissions()):
        field = SelectMultipleField(
            title,
            choices=[SelectChoice(entry.code, entry.title) for entry in entries],
            option_widget=widgets.CheckboxInput(),
            widget=widgets.ListWidget(prefix_label=False),
            id=f"permissions-{number}",
            name="permissions",
        )
        setattr(Chosen, f"group_{number}", field)
    for entry in list_fields():
        choices = [SelectChoice(access.value, label) for access, label in ACCESS.items()]
        setattr(
            Chosen,
            entry.code.replace(".", "_"),
            SelectField(
                entry.title, choices=choices, name=f"access.{entry.code}", id=f"access-{entry.code.replace('.', '-')}"
            ),
        )
    form = Chosen(formdata=None, meta={"csrf": False})
    for number, (_title, entries) in enumerate(group_permissions()):
        form[f"group_{number}"].data = [entry.code for entry in entries if entry.code in content.permissions]
    for entry in list_fields():
        form[entry.code.replace(".", "_")].data = content.access_to(entry.code).value
    return form
