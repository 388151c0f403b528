"""By which ways a patient can be written to, in the order that the patient or the hospital prefers.

An address is checked here: a line break in one could smuggle headers into a mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email

from app.core.db import db
from app.core.formats.phones import can_receive_sms
from app.domain.identity.models import PatientUser
from app.domain.messages.models import Channel, PushSubscription
from app.domain.messages.reminding import MessagePreference
from app.domain.messages.ways import available_channels, present_settings
from app.domain.patients.models import Patient

Way = tuple[Channel, str]
CHOICES = (Channel.SMS, Channel.EMAIL, Channel.PUSH)


class BadAddress(ValueError):
    """Nothing is ever sent to this address."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How one patient is written to: channels with their addresses, the language, and kinds that are not wanted."""

    channels: Sequence[Way]
    locale: str | None
    muted: frozenset[str]

    def want(self, kind: str) -> bool:
        """Tell whether the patient wants messages of a kind."""
        return kind not in self.muted


def check_address(address: str) -> str:
    """Return an e-mail address in the form that mail servers take; raises BadAddress."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in address):
        raise BadAddress("the address holds control characters")
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise BadAddress("not an e-mail address that every mail server takes") from error
    return valid.ascii_email or valid.normalized


def choose_channel(patient: Patient) -> Way:
    """Return by which channel a patient is reached by letter, and the address there: e-mail where there is a good one.

    What is more than a short message asks for this one; whatever a patient may switch off goes by `choose_channels`.
    """
    address = _email_of(patient)
    return (Channel.CONSOLE, patient.code) if address is None else (Channel.EMAIL, address)


def choose_channels(patient: Patient) -> Sequence[Way]:
    """Return the channels by which a patient is reached, with the addresses there, in order of preference."""
    return find_ways([patient])[patient.id].channels


def find_ways(patients: Iterable[Patient]) -> Mapping[UUID, Ways]:
    """Return how each of these patients is written to: three queries for any number of them."""
    known = {patient.id: patient for patient in patients}
    available = available_channels()
    preferences = {
        row.patient_id: row
        for row in db.session.execute(
            sa.select(
                MessagePreference.patient_id,
                MessagePreference.channels,
                MessagePreference.locale,
                MessagePreference.muted,
            ).where(MessagePreference.patient_id.in_(known))
        )
    }
    has_devices = sa.exists().where(PushSubscription.patient_user_id == PatientUser.id)
    accounts = {
        row.patient_id: row
        for row in db.session.execute(
            sa.select(PatientUser.patient_id, PatientUser.id, PatientUser.locale, has_devices.label("push")).where(
                PatientUser.patient_id.in_(known)
            )
        )
    }
    found = {}
    for patient_id, patient in known.items():
        wish, account = preferences.get(patient_id), accounts.get(patient_id)
        wanted = [Channel(each) for each in wish.channels] if wish and wish.channels else list(available)
        push = str(account.id) if account is not None and account.push else None
        ways = [
            (channel, address)
            for channel in wanted
            if channel in available and (address := _address(patient, channel, push)) is not None
        ]
        locale = (wish.locale if wish else None) or (account.locale if account is not None else None)
        found[patient_id] = Ways(ways or _last_resort(patient), locale, frozenset(wish.muted if wish else ()))
    return found


def _address(patient: Patient, channel: Channel, push: str | None) -> str | None:
    if channel is Channel.EMAIL:
        return _email_of(patient)
    if channel is Channel.SMS:
        return patient.phone if patient.phone and can_receive_sms(patient.phone) else None
    return push


def _email_of(patient: Patient) -> str | None:
    try:
        return check_address(patient.email) if patient.email else None
    except BadAddress:
        return None


def _last_resort(patient: Patient) -> Sequence[Way]:
    """Outside production a message that can go nowhere is shown by the console; there, nobody is told that it went."""
    return () if present_settings().environment == "production" else ((Channel.CONSOLE, patient.code),)
