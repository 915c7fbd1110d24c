"""Usage as CSV: by day of every meter, or of one meter by the values of a dimension."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from billing.metering.usage.breakdown import BreakdownRefused, Slice, breakdown
from billing.metering.usage.usage_summary import combine_days
from billing.portal.date_ranges import Days
from billing.portal.query_params import Asked, asked_by, running_of, used
from customers.portal.visit import Visit, signed_in
from lib.csv_export import csv_lines
from lib.decimals import to_plain_string
from plans.models import Meter

COLUMNS = ("day", "usage", "dimension", "value", "quantity", "unit")
DAY = timedelta(days=1)
TOO_MANY = "too many values to tell apart"


@signed_in()
def table(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Send the chosen period's days; `by` names the dimension whose values are told apart."""
    asked = asked_by(request, visit, running_of(visit))
    rows = _rows_by_value(visit, asked) if request.GET.get("by") and asked.dimension else _rows(visit, asked)
    first, last = asked.days.first, asked.days.each()[-1]
    return StreamingHttpResponse(
        csv_lines([COLUMNS, *rows]),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="usage-{first}-{last}.csv"'},
    )


def _rows(visit: Visit, asked: Asked) -> Iterator[tuple[str, ...]]:
    meters = {one.pk: one for one in asked.meters}
    now, _ = used(visit, asked)
    for one in now:
        if meter := meters.get(one.meter_id):
            quantity = to_plain_string(combine_days(meter.aggregation, [one]))
            yield one.day.isoformat(), meter.code, "", "", quantity, meter.unit


def _rows_by_value(visit: Visit, asked: Asked) -> Iterator[tuple[str, ...]]:
    if asked.meter is None:
        return
    meter = asked.meter
    for one in _slices(visit, meter, asked.dimension, asked.days):
        day = one.starts_at.astimezone(asked.days.zone).date().isoformat()
        yield day, meter.code, asked.dimension, one.group or "", to_plain_string(one.quantity), meter.unit


def _slices(visit: Visit, meter: Meter, dimension: str, days: Days) -> Iterator[Slice]:
    """Yield what each value took on each day: of half the days at a time where all are too many for one answer."""
    try:
        yield from _read(visit, meter, days, group_by=dimension)
    except BreakdownRefused:
        if days.end - days.first <= DAY:
            yield from (Slice(one.starts_at, TOO_MANY, one.quantity, one.events) for one in _read(visit, meter, days))
            return
        middle = days.first + DAY * ((days.end - days.first).days // 2)
        yield from _slices(visit, meter, dimension, replace(days, end=middle))
        yield from _slices(visit, meter, dimension, replace(days, first=middle))


def _read(visit: Visit, meter: Meter, days: Days, group_by: str | None = None) -> list[Slice]:
    return breakdown(
        customer_id=visit.customer.pk,
        time_zone=visit.customer.time_zone,
        meter_id=meter.pk,
        since=days.since,
        until=days.until,
        window="day",
        group_by=group_by,
        period_ids=days.period_ids,
    )
