"""Vital signs: what a measurement can be at all (else refused), what is seldom (asked about), and what is unusual for
an adult (flagged).

The limits hold what is measured during a resuscitation, also no breath, no pulse and no blood pressure, and lie within
those that the database holds; what is `seldom` is more often a typing mistake and is confirmed. Normal ranges are
for adults at rest: respiration and saturation where NEWS2 scores 0 (Royal College of Physicians, 2017);
temperature from NEWS2's lower bound up to the fever limit of 37.5 °C in the armpit (WHO, IMCI); pulse 60-100
(American Heart Association); blood pressure high from 140/90 (Ministry of Health, Decision 3192/QĐ-BYT of
2010), low below 90/60; pain from 4 on as at least moderate (numeric rating scale). No range replaces a
doctor's judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from app.core.errors import InvalidValue, Text
from app.core.formats.numbers import format_decimal
from app.core.i18n import _l


class VitalSign(StrEnum):
    """What is measured; values are the names of the columns."""

    TEMPERATURE = "temperature_c"
    PULSE = "pulse"
    RESPIRATORY_RATE = "respiratory_rate"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    SPO2 = "spo2"
    WEIGHT = "weight_kg"
    HEIGHT = "height_cm"
    PAIN = "pain"


class Level(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class VitalRange:
    """Limits of one sign, both ends included; `places` is how many decimals are kept.

    What lies outside `common` is written down once somebody said that it was not mistyped.
    """

    label: Text
    unit: Text
    lowest: Decimal
    highest: Decimal
    normal: tuple[Decimal, Decimal] | None = None
    low_words: Text | None = None
    high_words: Text | None = None
    places: int = 0
    common: tuple[Decimal, Decimal] | None = None


class ImplausibleVitalSign(InvalidValue):
    """A value that no living patient has, or that was typed in another unit."""


def _between(low: str, high: str) -> tuple[Decimal, Decimal]:
    return Decimal(low), Decimal(high)


FAINT = 90  # systolic, in mmHg

RANGES: dict[VitalSign, VitalRange] = {
    VitalSign.TEMPERATURE: VitalRange(
        _l("Temperature"),
        "°C",
        *_between("20", "45"),
        _between("36.1", "37.4"),
        _l("Low temperature"),
        _l("Fever"),
        places=1,
        common=_between("30", "43"),
    ),
    VitalSign.PULSE: VitalRange(
        _l("Pulse"),
        _l("beats/min"),
        *_between("0", "300"),
        _between("60", "100"),
        _l("Slow pulse"),
        _l("Fast pulse"),
        common=_between("30", "220"),
    ),
    VitalSign.RESPIRATORY_RATE: VitalRange(
        _l("Respiratory rate"),
        _l("breaths/min"),
        *_between("0", "100"),
        _between("12", "20"),
        _l("Slow breathing"),
        _l("Fast breathing"),
        common=_between("6", "70"),
    ),
    VitalSign.SYSTOLIC: VitalRange(
        _l("Systolic blood pressure"),
        "mmHg",
        *_between("0", "300"),
        _between("90", "139"),
        _l("Low blood pressure"),
        _l("High blood pressure"),
        common=_between("60", "260"),
    ),
    VitalSign.DIASTOLIC: VitalRange(
        _l("Diastolic blood pressure"),
        "mmHg",
        *_between("0", "200"),
        _between("60", "89"),
        _l("Low blood pressure"),
        _l("High blood pressure"),
        common=_between("25", "160"),
    ),
    VitalSign.SPO2: VitalRange(
        _l("Oxygen saturation (SpO2)"),
        "%",
        *_between("30", "100"),
        _between("96", "100"),
        _l("Low oxygen saturation"),
        common=_between("60", "100"),
    ),
    VitalSign.WEIGHT: VitalRange(_l("Weight"), "kg", *_between("0.3", "400"), places=1),
    VitalSign.HEIGHT: VitalRange(_l("Height"), "cm", *_between("20", "250"), places=1),
    VitalSign.PAIN: VitalRange(
        _l("Pain (0-10)"),
        "",
        *_between("0", "10"),
        _between("0", "3"),
        high_words=_l("Moderate or severe pain"),
    ),
}


def check_plausible(sign: VitalSign, value: Decimal | int) -> Decimal:
    """Return the value with the decimals that are kept, or refuse what cannot be."""
    limits, number = RANGES[sign], Decimal(value)
    if not limits.lowest <= number <= limits.highest:
        raise ImplausibleVitalSign(
            _l(
                "%(sign)s must be between %(low)s and %(high)s.",
                sign=limits.label,
                low=format_decimal(limits.lowest),
                high=format_decimal(limits.highest),
            ),
            field=sign.value,
        )
    return number.quantize(Decimal(1).scaleb(-limits.places), rounding=ROUND_HALF_UP)


def is_seldom(sign: VitalSign, value: Decimal | int) -> bool:
    """Tell whether a value that can be is so far from the common ones that somebody should look at it again."""
    common = RANGES[sign].common
    return common is not None and not common[0] <= value <= common[1]


def check_blood_pressure(systolic: int | None, diastolic: int | None) -> None:
    """Refuse half a blood pressure, and a diastolic value that is not under the systolic one.

    Where the upper value is low it may stand alone, because the lower one is often not found; 0 is where there was none
    to be measured.
    """
    is_faint = systolic is not None and systolic < FAINT
    if (diastolic is None and is_faint) or systolic == diastolic == 0:
        return
    if (systolic is None) != (diastolic is None):
        missing = VitalSign.DIASTOLIC if diastolic is None else VitalSign.SYSTOLIC
        raise ImplausibleVitalSign(_l("Enter both values of the blood pressure."), field=missing.value)
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise ImplausibleVitalSign(
            _l("The diastolic value must be lower than the systolic one."), field=VitalSign.DIASTOLIC.value
        )


def assess(sign: VitalSign, value: Decimal | int, *, adult: bool = True) -> Level | None:
    """Tell whether a value is low, normal or high for an adult; None where there is no range to tell by."""
    normal = RANGES[sign].normal
    if normal is None or not adult:
        return None
    low, high = normal
    if value < low:
        return Level.LOW
    return Level.HIGH if value > high else Level.NORMAL


def words(sign: VitalSign, level: Level | None) -> Text | None:
    """Say what is unusual (“Fever”); None for what is normal or was not assessed."""
    limits = RANGES[sign]
    return {Level.LOW: limits.low_words, Level.HIGH: limits.high_words}.get(level) if level else None


def bmi(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Return the body mass index in kg/m², to one decimal."""
    metres = height_cm / 100
    return (weight_kg / (metres * metres)).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def bmi_words(value: Decimal) -> Text:
    """Say an adult's body mass index by the limits for Asia and the Pacific (WHO WPRO, IASO, IOTF, 2000)."""
    if value < Decimal("18.5"):
        return _l("Underweight")
    if value < Decimal("23"):
        return _l("Normal weight")
    return _l("Overweight") if value < Decimal("25") else _l("Obese")
