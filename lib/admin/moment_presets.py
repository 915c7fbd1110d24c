"""Date and time fields with buttons for usual moments, such as the start of next month in a seller's time zone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSplitDateTimeVerticalWidget

MONTHS_OF_A_QUARTER = 3


@dataclass(frozen=True, slots=True)
class MomentPreset:
    """A usual moment. zone: the IANA name of the time zone in which it is named."""

    name: str
    at: datetime
    zone: str

    @property
    def label(self) -> str:
        local = self.at.astimezone(ZoneInfo(self.zone))
        return _("%(name)s: %(time)s") % {"name": self.name, "time": date_format(local, "j M Y, H:i")}


def seller_zones() -> Sequence[str]:
    """Return the time zones of the sellers, the first seller's first, and UTC."""
    # The library knows no sellers, so a setting names the function that reads their zones.
    read: Any = import_string(settings.STAFF_TIME_ZONES)
    return tuple(dict.fromkeys([*read(), "UTC"]))


def moment_presets(
    at: datetime, *, zone: str, period_end: datetime | None = None, with_now: bool = True
) -> list[MomentPreset]:
    """
    Return the usual moments from a time on: itself, and the starts of the next day, month, and period.

    zone: where days and months begin. period_end: end of the running period; empty offers the next quarter instead.
    with_now: whether the time itself is offered, which doesn't fit dates in the future.
    """
    local = at.astimezone(ZoneInfo(zone))
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    quarter = (local.month - 1) // MONTHS_OF_A_QUARTER * MONTHS_OF_A_QUARTER + MONTHS_OF_A_QUARTER
    moments = [
        (_("Now"), local.replace(second=0, microsecond=0)),
        (_("Start of tomorrow"), today + timedelta(days=1)),
        (_("Start of next month"), _first_of_month(today, local.month)),
    ]
    if period_end is None:
        moments.append((_("Start of next quarter"), _first_of_month(today, quarter)))
    else:
        moments.append((_("Start of next period"), period_end))
    return [MomentPreset(name, moment, zone) for name, moment in moments[0 if with_now else 1 :]]


def _first_of_month(day: datetime, months: int) -> datetime:
    """Return the first day of the month that is so many months after January of the day's year."""
    years, month = divmod(months, 12)
    return day.replace(year=day.year + years, month=month + 1, day=1)


def offer_moments(form: forms.BaseForm, presets: Iterable[MomentPreset], *, zone: str = "") -> None:
    """Give each date and time of a form these presets. zone: in which the form reads them; UTC by default."""
    for field in form.fields.values():
        if isinstance(field, forms.SplitDateTimeField):
            field.widget = MomentWidget(presets, zone=zone or timezone.get_default_timezone_name())
            field.widget.is_required = field.required


class MomentWidget(UnfoldAdminSplitDateTimeVerticalWidget):
    """
    A date and a time, with a button for each preset; the buttons need a script.

    zone: the time zone of the field. zone_field: the field of the form to which a preset's own zone goes instead.
    """

    template_name = "staff/widgets/moment.html"

    def __init__(
        self, presets: Iterable[MomentPreset], *, zone: str = "", zone_field: str = "", attrs: Any = None
    ) -> None:
        super().__init__(attrs)
        self.presets, self.zone, self.zone_field = tuple(presets), zone, zone_field

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        moments = []
        for preset in self.presets:
            local = preset.at.astimezone(ZoneInfo(preset.zone if self.zone_field else self.zone))
            moments.append((preset, f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}"))
        zones = ", ".join(dict.fromkeys(preset.zone for preset in self.presets))
        return context | {"moments": moments, "zone_field": self.zone_field, "zones": zones}

    class Media:
        js = ("staff/moments.js",)
