"""A meter's page, finished: try it on an event, and see the latest events of its name, counted or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from billing.metering.ingest.catalog_cache import CachedMeter, prepare_meter
from billing.metering.ingest.meter_dry_run import DryRun, NotAnEvent, apply_meter, try_meter
from billing.metering.usage.latest_events import RecentEvent, read_recent_events, read_recent_unmatched
from lib.formats import format_units
from plans.admin.catalog.meters import MEANING, MeterAdmin
from plans.models import Meter, MeterReading

LATEST = 20
SINCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Made:
    """What a meter makes of an event, in words."""

    tried: DryRun
    unit: str

    @property
    def values(self) -> str:
        found = []
        for dimension_value, value in self.tried.values:
            text = value if isinstance(value, str) else format_units(value, self.unit)
            found.append(f"{dimension_value}: {text}" if dimension_value else text)
        return ", ".join(found)

    @property
    def dimensions(self) -> list[tuple[str, str]]:
        return [(name, text or "not told") for name, text in self.tried.dimensions.items()]


@admin.register(Meter)
class CountingMeterAdmin(MeterAdmin):
    change_form_outer_after_template = "staff/metering/meter_events.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [
            path("try/", view, name="plans_meter_try"),
            path("<int:object_id>/try/", view, name="plans_meter_try"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        meter = self.get_object(request, object_id)
        shown = latest(meter) if meter is not None and request.method == "GET" else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def try_view(self, request: HttpRequest, object_id: int | None = None) -> TemplateResponse:
        """Say what the meter on the page, saved or not, makes of an event."""
        stored = get_object_or_404(Meter, pk=object_id) if object_id else None
        if not self.has_view_or_change_permission(request, stored):
            raise PermissionDenied
        context: dict[str, Any] = {}
        event = request.POST.get("tried_event", "").strip()
        try:
            if event:
                meter, readings = self._on_the_page(request, stored)
                found = try_meter(meter, readings=readings, event=event.encode(), at=timezone.now())
                context["made"] = Made(found, meter.unit)
        except ValueError as error:
            context["problem"] = str(error)
        return TemplateResponse(request, "staff/metering/meter_dry_run.html", context)

    def _on_the_page(self, request: HttpRequest, stored: Meter | None) -> tuple[Meter, Iterable[MeterReading]]:
        """Return meter and readings as they are typed; raise ValueError with the first thing that is wrong."""
        if stored and (not self.has_change_permission(request, stored) or "event_name" not in request.POST):
            return stored, stored.readings.all()
        form = self.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
        form.is_valid()
        for name, messages in form.errors.items():
            if name in (*MEANING, "__all__"):
                raise NotAnEvent(f"{form.fields[name].label}: {messages[0]}" if name in form.fields else messages[0])
        rows = self._create_formsets(request, form.instance, change=stored is not None)[0][0]
        rows.is_valid()
        kept = [row for row in rows.forms if row.has_changed() or row.instance.pk]
        return form.instance, [row.instance for row in kept if not row.cleaned_data.get("DELETE")]


def latest(meter: Meter) -> dict[str, Any]:
    """Return the latest events of a meter's name with what it makes of them, and what could not be billed."""
    since = timezone.now() - SINCE
    found = read_recent_events(meter_id=meter.pk, name=meter.event_name, since=since, count=LATEST)
    copy = prepare_meter(meter, meter.readings.all())
    return {
        "recent": [(one, _made(copy, meter, one)) for one in found],
        "refused": read_recent_unmatched(meter_id=meter.pk, name=meter.event_name, count=LATEST),
        "event_name": meter.event_name,
        "sample": _sample(found[0]) if found else "",
        "days": SINCE.days,
    }


def _made(copy: CachedMeter, meter: Meter, event: RecentEvent) -> Made:
    return Made(apply_meter(copy, name=meter.event_name, event=event.received), meter.unit)


def _sample(event: RecentEvent) -> str:
    """Return an event as it may be pasted."""
    sent = {"id": event.sender_id, "customer": event.customer_ref, "event": event.name}
    written = msgspec.json.encode(sent | {"properties": msgspec.Raw(event.properties.encode())})
    return msgspec.json.format(written, indent=2).decode()
