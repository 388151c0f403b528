"""A patient's vital signs as curves, one plot for each that was measured at least twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core import clock
from app.core.formats.dates import is_adult
from app.core.formats.numbers import format_decimal
from app.core.i18n import _
from app.domain.patients.queries import PatientRow
from app.domain.records.vital_ranges import RANGES, VitalSign, assess, words
from app.web.plots import Band, LinePlot, Point, Series, line_plot
from app.web.templates import hospital_zone

PRESSURES = (VitalSign.SYSTOLIC, VitalSign.DIASTOLIC)
ALONE = (VitalSign.PULSE, VitalSign.TEMPERATURE, VitalSign.SPO2, VitalSign.RESPIRATORY_RATE, VitalSign.WEIGHT)


def plots_of(patient: PatientRow, measurements: Sequence[Any]) -> list[LinePlot]:
    """Return the plots of measurements, which come newest first."""
    adult = is_adult(patient.born_on, clock.today(hospital_zone()))
    oldest_first = measurements[::-1]
    plots = [_plot(_("Blood pressure"), PRESSURES, oldest_first, adult)]
    plots += [_plot(str(RANGES[sign].label), (sign,), oldest_first, adult) for sign in ALONE]
    return [plot for plot in plots if plot is not None]


def _plot(title: str, signs: tuple[VitalSign, ...], measurements: Sequence[Any], adult: bool) -> LinePlot | None:
    series = [Series(RANGES[sign].label, _points(sign, measurements, adult)) for sign in signs]
    if len(series[0].points) < 2:
        return None
    bands = [_band(sign) for sign in signs if adult and len(signs) == 1 and RANGES[sign].normal]
    return line_plot(f"plot-{signs[0].value}", title, series, unit=RANGES[signs[0]].unit, bands=bands)


def _points(sign: VitalSign, measurements: Sequence[Any], adult: bool) -> list[Point]:
    found = ((each.measured_at, getattr(each, sign.value)) for each in measurements)
    return [
        Point(when, value, words(sign, assess(sign, value, adult=adult))) for when, value in found if value is not None
    ]


def _band(sign: VitalSign) -> Band:
    low, high = RANGES[sign].normal or (None, None)
    label = _("Usual for adults: %(low)s–%(high)s", low=format_decimal(low or 0), high=format_decimal(high or 0))
    return Band(low, high, label)
