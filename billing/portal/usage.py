"""Usage by feature, by day and by dimension, compared with the period before."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.usage.breakdown import BreakdownRefused, breakdown
from billing.metering.usage.usage_summary import ADDING, Day, combine_days
from billing.portal.bar_charts import Drawing, draw
from billing.portal.overview import show_feature
from billing.portal.query_params import UsageQuery, dimensions_of, read_days, read_usage_query, running_of
from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from lib.decimals import ZERO
from plans.catalog.comparison import format_signed, percent_change
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter

MAX_VALUES = 50
"""Values of a dimension shown on the page; the file has all of them."""


@signed_in()
def usage(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    figures = portal_figures(visit)
    running = running_of(visit)
    query = read_usage_query(request, visit, running)
    now, before = read_days(visit, query)
    comparable = _same_days(visit, query, before)
    context: dict[str, Any] = {
        "asked": query,
        "span": figures.days_text(query.days.since, query.days.until),
        "features": [
            show_feature(feature, period.terms.currency, figures) for period in running for feature in period.features
        ],
        "meters": _compared(query, now, comparable, figures),
    }
    if query.meter is not None:
        context |= _meter_context(visit, query, now, before, figures)
    return render_page(request, visit, "usage.html", context)


def _same_days(visit: Visit, query: UsageQuery, before: list[Day]) -> list[Day]:
    """Return the days before that are as far into their period as today is into this one."""
    if query.is_before or query.spans.before is None:
        return before
    passed = visit.at.astimezone(query.days.zone).date() - query.days.first
    last = query.spans.before.first + passed
    return [day for day in before if day.day <= last]


def _compared(query: UsageQuery, now: list[Day], before: list[Day], figures: PortalFigures) -> list[dict[str, Any]]:
    """Return each meter's quantity, with the change from the period before where quantities add up."""
    rows = []
    for meter in query.meters:
        if meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
            continue
        quantity, earlier = (_total(meter, days) for days in (now, before))
        change = percent_change(earlier, quantity) if before and meter.aggregation in ADDING else None
        rows.append(
            {
                "code": meter.code,
                "name": meter.name,
                "quantity": figures.units(quantity, meter.unit),
                "before": figures.units(earlier, meter.unit) if before else "",
                "change": f"{format_signed(change)} %" if change is not None else "",
                "is_shown": query.meter is not None and meter.pk == query.meter.pk,
            }
        )
    return rows


def _total(meter: Meter, days: Iterable[Day]) -> Decimal:
    return combine_days(metering_terms(meter).aggregation, (day for day in days if day.meter_id == meter.pk))


def _meter_context(
    visit: Visit, query: UsageQuery, now: list[Day], before: list[Day], figures: PortalFigures
) -> dict[str, Any]:
    """Return the chart and the tables of the chosen meter."""
    meter = query.meter
    if meter is None or meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
        return {}
    days = query.days.each()
    today = visit.at.astimezone(query.days.zone).date()
    quantities = _by_day(meter, now)
    earlier = query.spans.before.each() if before and query.spans.before else []
    quantities_before = _by_day(meter, before)
    rows = [
        {
            "day": figures.short_day(day),
            "quantity": figures.quantity(quantities.get(day, ZERO)),
            "before": figures.quantity(quantities_before.get(earlier[index], ZERO)) if index < len(earlier) else "",
        }
        for index, day in enumerate(days)
        if day <= today
    ]
    drawing = _drawing(days, quantities, [quantities_before.get(day, ZERO) for day in earlier], figures)
    return {
        "drawing": drawing,
        "top": figures.units(drawing.axes[0].quantity, meter.unit),
        "rows": rows,
        "has_before": bool(earlier),
        "first": figures.short_day(days[0]),
        "last": figures.short_day(days[-1]),
        "is_level": meter.aggregation not in ADDING,
        "dimensions": dimensions_of(meter),
        **_values(visit, query, figures),
    }


def _by_day(meter: Meter, days: Iterable[Day]) -> dict[date, Decimal]:
    aggregation = metering_terms(meter).aggregation
    return {day.day: combine_days(aggregation, [day]) for day in days if day.meter_id == meter.pk}


def _drawing(
    days: Sequence[date], quantities: dict[date, Decimal], before: Sequence[Decimal], figures: PortalFigures
) -> Drawing:
    titles = [f"{figures.short_day(day)}: {figures.quantity(quantities.get(day, ZERO))}" for day in days]
    return draw([quantities.get(day, ZERO) for day in days], list(before), titles)


def _values(visit: Visit, query: UsageQuery, figures: PortalFigures) -> dict[str, Any]:
    """Return the quantity of each value of the dimension, the largest first, with its share in percent."""
    if query.meter is None or not query.dimension:
        return {}
    try:
        slices = breakdown(
            customer_id=visit.customer.pk,
            time_zone=visit.customer.time_zone,
            meter_id=query.meter.pk,
            since=query.days.since,
            until=query.days.until,
            window="month",
            group_by=query.dimension,
            period_ids=query.days.period_ids,
        )
    except BreakdownRefused:
        return {"has_too_many": True}
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for part in slices:
        quantities[part.group or ""] += part.quantity
    whole = sum((quantity for quantity in quantities.values() if quantity > 0), ZERO)
    largest = sorted(quantities.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [
        {
            "value": value or "not said",
            "quantity": figures.units(quantity, query.meter.unit),
            "percent": int(quantity * 100 / whole) if whole and quantity > 0 else 0,
        }
        for value, quantity in largest[:MAX_VALUES]
    ]
    return {"values": shown, "left_out": max(0, len(largest) - MAX_VALUES)}
