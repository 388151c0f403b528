"""Invents the patients of a demo hospital: of all ages, with numbers that agree with who they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from faker import Faker

from app.cli.demo.cast import DemoHospital, KnownPatient
from app.cli.demo.names import invent_name
from app.cli.demo.places import invent_home
from app.core.formats.dates import years_between
from app.core.formats.names import search_key
from app.core.ids import new_id
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import AllergyState, Sex

PATIENTS = 200
ACCOUNTS = 6
YOUNGEST_DAYS = 70

# Share of patients by age, roughly that of an outpatient department.
_AGES = (((0, 5), 14), ((6, 15), 12), ((16, 29), 15), ((30, 44), 19), ((45, 64), 24), ((65, 79), 12), ((80, 95), 4))
_MOBILE = ("32", "35", "38", "70", "77", "83", "86", "90", "93", "97")
# Where the births of a hospital's patients were registered, by the province of the hospital.
_BORN_IN = {"79": ("079", "079", "080", "082", "072", "001"), "48": ("048", "048", "049", "046", "051", "052")}
# Groups of insured with their level of benefit, from the oldest down.
_INSURED = ((61, ("HT3",)), (18, ("DN4", "GD4", "HC4")), (6, ("HS4",)), (0, ("TE1",)))
_PENICILLINS = frozenset({"AMOX500", "AMOX250G", "AMCL875", "CEFU500", "CEFI200", "CEPH500"})
_PAINKILLERS = frozenset({"ASA81", "IBU400", "IBU100H", "DICLO50", "MELOX75", "CELE200"})
# What people are allergic to, what happened, and what they must not be given then.
ALLERGIES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("Penicillin", "Nổi mày đay toàn thân", _PENICILLINS),
    ("Amoxicilin", "Phát ban, ngứa", _PENICILLINS),
    ("Aspirin", "Co thắt phế quản", _PAINKILLERS),
    ("Ibuprofen", "Phù mi mắt", _PAINKILLERS),
    ("Thuốc nhóm sulfamid", "Hồng ban đa dạng", frozenset({"COTRI960"})),
    ("Ciprofloxacin", "Ngứa, đỏ da", frozenset({"CIPRO500", "LEVO500"})),
    ("Thuốc cản quang chứa i-ốt", "Buồn nôn, mày đay", frozenset()),
    ("Tôm, cua", "Nổi mày đay, ngứa họng", frozenset()),
    ("Đậu phộng", "Sưng môi", frozenset()),
    ("Mủ cao su (latex)", "Viêm da tiếp xúc", frozenset()),
)


@dataclass(frozen=True, slots=True)
class Body:
    """Height in cm, weight in kg, the usual systolic blood pressure in mmHg."""

    height: float
    weight: float
    pressure: int


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as invented."""

    id: UUID
    full_name: str
    born_on: date
    sex: Sex
    cccd: str | None
    bhyt: str | None
    phone: str
    email: str | None
    province: str
    ward: str
    street: str
    registered_at: datetime
    allergy_state: AllergyState
    allergies: tuple[tuple[str, str, frozenset[str]], ...]
    has_account: bool
    age: int
    body: Body

    @property
    def forbidden(self) -> frozenset[str]:
        """The codes of the medicines that this person must not be given."""
        return frozenset().union(*(medicines for _, _, medicines in self.allergies))


def invent_patients(hospital: DemoHospital, now: datetime, today: date) -> list[Person]:
    """Return the hospital's patients in the order in which they were registered, those known by name first."""
    inventor = _Inventor(hospital, now, today)
    known = [inventor.known(person) for person in hospital.patients]
    invented = [inventor.invent(serial) for serial in range(1, PATIENTS - len(known) + 1)]
    with_account = set(islice((p.id for p in invented if 20 <= p.age < 70 and p.cccd), ACCOUNTS))
    invented.sort(key=lambda person: person.registered_at)
    return known + [replace(person, has_account=person.id in with_account) for person in invented]


class _Inventor:
    """Invents people for one hospital, the same ones each time but for their ages."""

    def __init__(self, hospital: DemoHospital, now: datetime, today: date) -> None:
        self._hospital = hospital
        self._now = now
        self._today = today
        self._random = Random(f"{hospital.code}:patients:{hospital.seed}")  # noqa: S311 (nothing secret)
        self._faker = Faker("vi_VN")
        self._faker.seed_instance(hospital.seed)

    def known(self, person: KnownPatient) -> Person:
        """Return a person of the cast as a patient."""
        facts: dict[str, Any] = {name: getattr(person, name) for name in KnownPatient.__slots__}
        years = years_between(person.born_on, self._today)
        return Person(
            id=new_id(),
            **facts,
            registered_at=self._now - timedelta(days=760, minutes=self._random.randint(0, 300)),
            allergy_state=AllergyState.KNOWN,
            allergies=(ALLERGIES[0] if person.sex is Sex.FEMALE else ALLERGIES[7],),
            has_account=True,
            age=years,
            body=_body(self._random, years, person.sex),
        )

    def invent(self, serial: int) -> Person:
        """Return a new person; the serial makes numbers unique."""
        random = self._random
        born_on = self._birthday()
        years = years_between(born_on, self._today)
        sex = random.choice((Sex.MALE, Sex.FEMALE, Sex.FEMALE) if years > 15 else (Sex.MALE, Sex.FEMALE))
        name = invent_name(random, sex, born_on.year)
        province, ward = invent_home(random, self._hospital.province_code)
        state, allergies = _allergies(random)
        cccd = self._cccd(sex, born_on, serial)
        return Person(
            id=new_id(),
            full_name=name,
            born_on=born_on,
            sex=sex,
            cccd=None if years == 0 and random.random() < 0.5 else cccd,
            bhyt=self._bhyt(years, cccd),
            phone=self._faker.unique.numerify(f"+84{random.choice(_MOBILE)}#######"),
            email=f"{search_key(name).replace(' ', '.')}.{serial}@vien.example" if random.random() < 0.3 else None,
            province=province,
            ward=ward,
            street=f"{random.randint(1, 480)}{_alley(random)} đường {self._faker.street_name()}",
            registered_at=self._registered_at(born_on),
            allergy_state=state,
            allergies=allergies,
            has_account=False,
            age=years,
            body=_body(random, years, sex),
        )

    def _birthday(self) -> date:
        ((youngest, oldest),) = self._random.choices([span for span, _ in _AGES], weights=[share for _, share in _AGES])
        days = self._random.randint(max(_days(youngest), YOUNGEST_DAYS), _days(oldest + 1) - 1)
        return self._today - timedelta(days=days)

    def _cccd(self, sex: Sex, born_on: date, serial: int) -> str:
        province = self._random.choice(_BORN_IN[self._hospital.province_code])
        return compose_cccd(province, sex, born_on.year, self._random.randint(1, 999) * 1000 + serial)

    def _bhyt(self, years: int, cccd: str) -> str | None:
        random = self._random
        insured = f"{random.randint(10**9, 10**10 - 1)}"
        group = random.choice(next(groups for youngest, groups in _INSURED if years >= youngest))
        card = f"{group}{self._hospital.province_code}{insured}"
        return random.choices((card, insured, cccd, None), weights=(50, 30, 8, 12))[0]

    def _registered_at(self, born_on: date) -> datetime:
        longest = min(720, (self._today - born_on).days - 1)
        days = self._random.randint(min(40, longest), longest)
        return self._now - timedelta(days=days, minutes=self._random.randint(0, 500))


def _allergies(random: Random) -> tuple[AllergyState, tuple[tuple[str, str, frozenset[str]], ...]]:
    state = random.choices(list(AllergyState), weights=(16, 58, 26))[0]
    count = random.choice((1, 1, 1, 2)) if state is AllergyState.KNOWN else 0
    return state, tuple(random.sample(ALLERGIES, count))


def _body(random: Random, years: int, sex: Sex) -> Body:
    if years < 16:
        length = 62 + 12 * years if years < 2 else 76 + 6 * years
        return Body(length + random.uniform(-3, 3), _child_weight(random, years), 88 + 2 * years)
    height = random.gauss(165 if sex is Sex.MALE else 154, 5)
    mass_index = min(max(random.gauss(22.6, 2.8), 17), 32)
    pressure = int(random.gauss(114 + max(0, years - 35) * 0.45, 7))
    return Body(height, mass_index * (height / 100) ** 2, min(max(pressure, 96), 158))


def _child_weight(random: Random, years: int) -> float:
    usual = 7.5 if years == 0 else 8 + 2 * years if years < 7 else 22 + 3.5 * (years - 7)
    return usual * random.uniform(0.92, 1.12)


def _alley(random: Random) -> str:
    return f"/{random.randint(1, 90)}" if random.random() < 0.3 else ""


def _days(years: int) -> int:
    return int(years * 365.25)
