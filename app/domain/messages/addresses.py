"""Whether a message can be addressed to somebody; a line break in an address could smuggle headers into a mail."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from app.domain.messages.models import Channel
from app.domain.patients.models import Patient


class BadAddress(ValueError):
    """Nothing is ever sent to this address."""


def check_address(address: str) -> str:
    """Return an e-mail address in the form that mail servers take; raises BadAddress."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in address):
        raise BadAddress("the address holds control characters")
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise BadAddress("not an e-mail address that every mail server takes") from error
    return valid.ascii_email or valid.normalized


def choose_channel(patient: Patient) -> tuple[Channel, str]:
    """Return by which channel a patient is reached, and the address there: e-mail where there is a good one."""
    if patient.email:
        try:
            return Channel.EMAIL, check_address(patient.email)
        except BadAddress:
            pass
    return Channel.CONSOLE, patient.code
