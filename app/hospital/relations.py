"""A patient's relatives and guardians: shown to whoever sees the patient, written down by the desk."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.core import clock
from app.core.errors import InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import REGISTER_PATIENTS, VIEW_PATIENTS
from app.domain.patients.merging import find_by_code
from app.domain.patients.models import RelationKind
from app.domain.patients.queries import open_patient
from app.domain.patients.relations import (
    RelatedAlready,
    Relative,
    add_relation,
    list_relations,
    needs_guardian,
    remove_relation,
)
from app.domain.patients.rules import LONGEST_NAME
from app.hospital import hospital
from app.hospital.patient_tabs import declare_patient_tab
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone

declare_patient_tab("hospital.relations_index", _l("Relatives"), VIEW_PATIENTS, position=80)

KIND: dict[RelationKind, Text] = {
    RelationKind.MOTHER: _l("Mother"),
    RelationKind.FATHER: _l("Father"),
    RelationKind.GUARDIAN: _l("Legal guardian"),
    RelationKind.GRANDPARENT: _l("Grandparent"),
    RelationKind.SPOUSE: _l("Husband or wife"),
    RelationKind.CHILD: _l("Child"),
    RelationKind.SIBLING: _l("Brother or sister"),
    RelationKind.OTHER: _l("Other"),
}


class RelationForm(Form):
    """Who belongs to a patient: a patient's code, or a name and telephone."""

    kind = RadioField(
        _l("What this person is to the patient"),
        choices=[SelectChoice(kind.value, label) for kind, label in KIND.items()],
        validators=[DataRequired(_l("Choose what this person is to the patient."))],
    )
    code = StringField(_l("Patient code"), validators=[Length(max=30, message=_l("This text is too long."))])
    full_name = StringField(
        _l("Full name"),
        validators=[Length(max=LONGEST_NAME, message=_l("A name has at most %(most)s characters.", most=LONGEST_NAME))],
    )
    phone = StringField(_l("Phone"), validators=[Length(max=30, message=_l("This text is too long."))])
    is_guardian = BooleanField(_l("May decide for the patient (guardian)"))

    def relative(self) -> Relative:
        """Return whom a valid form names; raises InvalidValue for a code that nobody has."""
        kind, guardian = RelationKind(self.kind.data), bool(self.is_guardian.data)
        if not self.code.data:
            return Relative(kind, guardian, full_name=self.full_name.data, phone=self.phone.data)
        found = find_by_code(self.code.data)
        if found is None:
            raise InvalidValue(_l("This hospital has no patient with this code."), field="code")
        return Relative(kind, guardian, related_id=found)


@hospital.get("/patients/<uuid:patient_id>/relations")
@requires(VIEW_PATIENTS)
def relations_index(patient_id: UUID) -> Response:
    """Show who belongs to the patient."""
    return _show(patient_id, RelationForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/relations")
@requires(VIEW_PATIENTS, REGISTER_PATIENTS)
def relations_add(patient_id: UUID) -> BaseResponse:
    """Write down somebody who belongs to the patient."""
    form = RelationForm()
    if not form.validate_on_submit():
        return _show(patient_id, form)
    try:
        add_relation(current_actor(), patient_id, form.relative())
    except InvalidValue as error:
        form.add_error("full_name", error)
        return _show(patient_id, form)
    except RelatedAlready as error:
        form.add_error("code", error)
        return _show(patient_id, form)
    flash(_("Written down."), "success")
    return see_other(url_for("hospital.relations_index", patient_id=patient_id))


@hospital.post("/patients/<uuid:patient_id>/relations/<uuid:relation_id>/remove")
@requires(VIEW_PATIENTS, REGISTER_PATIENTS)
def relations_remove(patient_id: UUID, relation_id: UUID) -> BaseResponse:
    """Take somebody off the list."""
    remove_relation(current_actor(), patient_id, relation_id)
    flash(_("Taken off the list."), "success")
    return see_other(url_for("hospital.relations_index", patient_id=patient_id))


def _show(patient_id: UUID, form: RelationForm) -> Response:
    patient = open_patient(current_actor(), patient_id, "patient.relations", VIEW_PATIENTS)
    relations = list_relations(current_actor(), patient_id)
    is_young = needs_guardian(patient.born_on, clock.today(hospital_zone()))
    return render(
        "hospital/relations/index.html",
        status=422 if form.errors else 200,
        patient=patient,
        relations=relations,
        lacks_guardian=is_young and not any(row.is_guardian for row in relations),
        kinds=KIND,
        form=form,
        has_errors=bool(form.errors),
    )
