"""The meter page."""

from django.contrib import admin

from billing.admin.metering.meters import MeterEvents
from plans.admin.catalog.meters import MeterAdmin
from plans.models import Meter


@admin.register(Meter)
class MeterPage(MeterEvents, MeterAdmin):
    change_form_outer_after_template = "staff/metering/meter_events.html"
