"""A meter's page, finished: the latest events of its name, counted or not."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing.usage.recent import recent_events, recent_refusals
from plans.admin.meters import MeterAdmin
from plans.models import Meter

LATEST = 20
SINCE = timedelta(days=7)


@admin.register(Meter)
class CountingMeterAdmin(MeterAdmin):
    change_form_outer_after_template = "backoffice/meter_events.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        meter = self.get_object(request, object_id)
        shown = latest(meter) if meter is not None and request.method == "GET" else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))


def latest(meter: Meter) -> dict[str, Any]:
    """Return the latest events that the meter counted, and the latest that it should have but could not."""
    since = timezone.now() - SINCE
    return {
        "counted": recent_events(meter_id=meter.pk, name=meter.event_name, since=since, count=LATEST),
        "refused": recent_refusals(meter_id=meter.pk, name=meter.event_name, count=LATEST),
        "event_name": meter.event_name,
        "days": SINCE.days,
    }
