"""Usage as CSV: by day for every meter, or for one meter by the values of a dimension."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from billing.metering.usage.breakdown import BreakdownRefused, Slice, breakdown
from billing.metering.usage.usage_summary import combine_days
from billing.portal.date_ranges import Days
from billing.portal.query_params import UsageQuery, read_days, read_usage_query, running_of
from customers.portal.visit import Visit, signed_in
from lib.csv_export import csv_download
from lib.decimals import to_plain_string
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter

COLUMNS = ("day", "usage", "dimension", "value", "quantity", "unit")
DAY = timedelta(days=1)
TOO_MANY = "(too many values)"


@signed_in()
def table(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Send the days of the chosen period; `by` names the dimension to break down by."""
    query = read_usage_query(request, visit, running_of(visit))
    rows = _rows_by_value(visit, query) if request.GET.get("by") and query.dimension else _rows(visit, query)
    first, last = query.days.first, query.days.each()[-1]
    return csv_download([COLUMNS, *rows], file_name=f"usage-{first}-{last}.csv")


def _rows(visit: Visit, query: UsageQuery) -> Iterator[tuple[str, ...]]:
    meters = {meter.pk: meter for meter in query.meters}
    now, _ = read_days(visit, query)
    for day in now:
        if meter := meters.get(day.meter_id):
            quantity = to_plain_string(combine_days(metering_terms(meter).aggregation, [day]))
            yield day.day.isoformat(), meter.code, "", "", quantity, meter.unit


def _rows_by_value(visit: Visit, query: UsageQuery) -> Iterator[tuple[str, ...]]:
    if query.meter is None:
        return
    meter = query.meter
    for part in _slices(visit, meter, query.dimension, query.days):
        day = part.starts_at.astimezone(query.days.zone).date().isoformat()
        yield day, meter.code, query.dimension, part.group or "", to_plain_string(part.quantity), meter.unit


def _slices(visit: Visit, meter: Meter, dimension: str, days: Days) -> Iterator[Slice]:
    """Yield the quantity of each value on each day. If the days have too many values for one query, halve them."""
    try:
        yield from _read(visit, meter, days, group_by=dimension)
    except BreakdownRefused:
        if days.end - days.first <= DAY:
            yield from (
                Slice(part.starts_at, TOO_MANY, part.quantity, part.events) for part in _read(visit, meter, days)
            )
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
