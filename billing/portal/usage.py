"""Usage by feature, by day and by dimension, against the period before."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.usage.breakdown import BreakdownRefused, breakdown
from billing.metering.usage.current_usage import PeriodUsage
from billing.metering.usage.usage_summary import ADDING, Day, combine_days
from billing.portal.bar_charts import Drawing, draw
from billing.portal.query_params import Asked, asked_by, dimensions_of, running_of, used
from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from lib.decimals import ZERO
from plans.catalog.comparison import format_signed, percent_change
from plans.models import Meter

MOST_VALUES = 50
"""Values of a dimension that a page tells; all of them are in the file."""


@signed_in()
def usage(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    figures = portal_figures(visit)
    running = running_of(visit)
    asked = asked_by(request, visit, running)
    now, before = used(visit, asked)
    context: dict[str, Any] = {
        "asked": asked,
        "span": figures.days_text(asked.days.since, asked.days.until),
        "features": _features(running, figures),
        "meters": _compared(asked, now, before, figures),
    }
    if asked.meter is not None:
        context |= _of_meter(visit, asked, now, before, figures)
    return render_page(request, visit, "usage.html", context)


def _features(running: Sequence[PeriodUsage], figures: PortalFigures) -> list[dict[str, Any]]:
    """Return each feature of the running periods with what it costs so far."""
    return [
        {
            "name": feature.terms.name,
            "used": figures.units(feature.used, feature.terms.unit),
            "included": figures.units(feature.terms.included, feature.terms.unit) if feature.terms.included else "",
            "cost": figures.in_currency(feature.cost, one.terms.currency),
            "drawn": figures.in_currency(feature.drawn, feature.terms.wallet) if feature.drawn is not None else "",
        }
        for one in running
        for feature in one.features
    ]


def _compared(asked: Asked, now: list[Day], before: list[Day], figures: PortalFigures) -> list[dict[str, Any]]:
    """Return what each meter counted, beside the period before where that is to be compared."""
    found = []
    for meter in asked.meters:
        if meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
            continue
        quantity, earlier = (_total(meter, days) for days in (now, before))
        change = percent_change(earlier, quantity) if before and meter.aggregation in ADDING else None
        found.append(
            {
                "code": meter.code,
                "name": meter.name,
                "quantity": figures.units(quantity, meter.unit),
                "before": figures.units(earlier, meter.unit) if before else "",
                "change": f"{format_signed(change)} %" if change is not None else "",
                "is_shown": asked.meter is not None and meter.pk == asked.meter.pk,
            }
        )
    return found


def _total(meter: Meter, days: Iterable[Day]) -> Decimal:
    return combine_days(meter.aggregation, (one for one in days if one.meter_id == meter.pk))


def _of_meter(
    visit: Visit, asked: Asked, now: list[Day], before: list[Day], figures: PortalFigures
) -> dict[str, Any]:
    """Return the chart and the tables of the chosen meter."""
    meter = asked.meter
    if meter is None or meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
        return {}
    days = asked.days.each()
    today = visit.at.astimezone(asked.days.zone).date()
    counted = _by_day(meter, now)
    earlier = asked.spans.before.each() if before and asked.spans.before else []
    counted_before = _by_day(meter, before)
    rows = [
        {
            "day": figures.short_day(day),
            "quantity": figures.quantity(counted.get(day, ZERO)),
            "before": figures.quantity(counted_before.get(earlier[place], ZERO)) if place < len(earlier) else "",
        }
        for place, day in enumerate(days)
        if day <= today
    ]
    drawing = _drawing(days, counted, [counted_before.get(day, ZERO) for day in earlier], figures)
    return {
        "drawing": drawing,
        "top": figures.units(drawing.axes[0].quantity, meter.unit),
        "rows": rows,
        "has_before": bool(earlier),
        "first": figures.short_day(days[0]),
        "last": figures.short_day(days[-1]),
        "is_level": meter.aggregation not in ADDING,
        "dimensions": dimensions_of(meter),
        **_values(visit, asked, figures),
    }


def _by_day(meter: Meter, days: Iterable[Day]) -> dict[date, Decimal]:
    return {one.day: combine_days(meter.aggregation, [one]) for one in days if one.meter_id == meter.pk}


def _drawing(
    days: Sequence[date], counted: dict[date, Decimal], before: Sequence[Decimal], figures: PortalFigures
) -> Drawing:
    titles = [f"{figures.short_day(day)}: {figures.quantity(counted.get(day, ZERO))}" for day in days]
    return draw([counted.get(day, ZERO) for day in days], list(before), titles)


def _values(visit: Visit, asked: Asked, figures: PortalFigures) -> dict[str, Any]:
    """Return what each value of the dimension takes, the largest first, with its share in percent."""
    if asked.meter is None or not asked.dimension:
        return {}
    try:
        slices = breakdown(
            customer_id=visit.customer.pk,
            time_zone=visit.customer.time_zone,
            meter_id=asked.meter.pk,
            since=asked.days.since,
            until=asked.days.until,
            window="month",
            group_by=asked.dimension,
            period_ids=asked.days.period_ids,
        )
    except BreakdownRefused:
        return {"has_too_many": True}
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for one in slices:
        quantities[one.group or ""] += one.quantity
    whole = sum((one for one in quantities.values() if one > 0), ZERO)
    largest = sorted(quantities.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [
        {
            "value": value or "not said",
            "quantity": figures.units(quantity, asked.meter.unit),
            "percent": int(quantity * 100 / whole) if whole and quantity > 0 else 0,
        }
        for value, quantity in largest[:MOST_VALUES]
    ]
    return {"values": shown, "left_out": max(0, len(largest) - MOST_VALUES)}
