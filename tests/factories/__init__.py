"""Making people and things in the bound hospital, with everything a test does not care about filled in."""

from tests.factories.people import make_operator, make_patient, make_patient_user, make_staff, with_app
from tests.factories.visits import make_appointment, make_schedule

__all__ = [
    "make_appointment",
    "make_operator",
    "make_patient",
    "make_patient_user",
    "make_schedule",
    "make_staff",
    "with_app",
]
