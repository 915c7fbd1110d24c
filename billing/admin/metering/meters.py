"""On the meter page: a dry run on an event, and the latest events of the meter's name, counted or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.metering.ingest.catalog_cache import CachedMeter, prepare_meter
from billing.metering.ingest.meter_dry_run import DryRun, NotAnEvent, apply_meter, try_meter
from billing.metering.usage.latest_events import RecentEvent, read_recent_events, read_recent_unmatched
from lib.formats import format_units
from plans.admin.catalog.meters import MEANING, MeterAdmin
from plans.models import Meter, MeterReading

LATEST = 20
SINCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MeterReadings:
    """The readings that a meter takes from an event, as text."""

    tried: DryRun
    unit: str

    @property
    def values(self) -> str:
        texts = []
        for dimension_value, value in self.tried.values:
            text = value if isinstance(value, str) else format_units(value, self.unit)
            texts.append(f"{dimension_value}: {text}" if dimension_value else text)
        return ", ".join(texts)

    @property
    def dimensions(self) -> list[tuple[str, str]]:
        return [(name, text or _("not set")) for name, text in self.tried.dimensions.items()]


class MeterEvents(MeterAdmin):
    """A part of the meter page (config/admin_site/pages.py)."""

    further_pages = (
        ("try/", "try_view", "plans_meter_try"),
        ("<int:object_id>/try/", "try_view", "plans_meter_try"),
    )

    def page_context(self, request: HttpRequest, meter: Meter) -> dict[str, Any]:
        return latest(meter)

    def try_view(self, request: HttpRequest, object_id: int | None = None) -> TemplateResponse:
        """Show the readings that the meter on the page, saved or not, takes from an event."""
        stored = get_object_or_404(Meter, pk=object_id) if object_id else None
        if not self.has_view_or_change_permission(request, stored):
            raise PermissionDenied
        context: dict[str, Any] = {}
        event = request.POST.get("tried_event", "").strip()
        try:
            if event:
                meter, readings = self._meter_from_form(request, stored)
                dry_run = try_meter(meter, readings=readings, event=event.encode(), at=timezone.now())
                context["made"] = MeterReadings(dry_run, meter.unit)
        except ValueError as error:
            context["problem"] = str(error)
        return TemplateResponse(request, "staff/metering/meter_dry_run.html", context)

    def _meter_from_form(self, request: HttpRequest, stored: Meter | None) -> tuple[Meter, Iterable[MeterReading]]:
        """
        Return the meter and readings as typed.

        :raises ValueError: with the first error.
        """
        if stored and (not self.has_change_permission(request, stored) or "event_name" not in request.POST):
            return stored, stored.readings.all()
        form = self.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
        form.is_valid()
        for name, messages in form.errors.items():
            if name in (*MEANING, "__all__"):
                raise NotAnEvent(f"{form.fields[name].label}: {messages[0]}" if name in form.fields else messages[0])
        formsets, _ = self._create_formsets(request, form.instance, change=stored is not None)
        rows = formsets[0]
        rows.is_valid()
        used_rows = [row for row in rows.forms if row.has_changed() or row.instance.pk]
        return form.instance, [row.instance for row in used_rows if not row.cleaned_data.get("DELETE")]


def latest(meter: Meter) -> dict[str, Any]:
    """Return the latest events of a meter's name with the meter's readings, and those that could not be billed."""
    since = timezone.now() - SINCE
    events = read_recent_events(meter_id=meter.pk, name=meter.event_name, since=since, count=LATEST)
    cached_meter = prepare_meter(meter, meter.readings.all())
    return {
        "recent": [(event, _meter_readings(cached_meter, meter, event)) for event in events],
        "refused": read_recent_unmatched(meter_id=meter.pk, name=meter.event_name, count=LATEST),
        "event_name": meter.event_name,
        "sample": _sample(events[0]) if events else "",
        "days": SINCE.days,
    }


def _meter_readings(cached_meter: CachedMeter, meter: Meter, event: RecentEvent) -> MeterReadings:
    return MeterReadings(apply_meter(cached_meter, name=meter.event_name, event=event.received), meter.unit)


def _sample(event: RecentEvent) -> str:
    """Return an event as JSON to paste."""
    sent = {"id": event.sender_id, "customer": event.customer_ref, "event": event.name}
    written = msgspec.json.encode(sent | {"properties": msgspec.Raw(event.properties.encode())})
    return msgspec.json.format(written, indent=2).decode()
