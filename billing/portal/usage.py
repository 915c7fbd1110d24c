"""Usage by feature, by day and by dimension, compared with the previous period."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext

from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.usage.usage_summary import ADDING, Day, combine_days
from billing.portal.bar_charts import Drawing, draw
from billing.portal.date_ranges import Days
from billing.portal.overview import show_feature
from billing.portal.query_params import UsageQuery, dimensions_of, read_days, read_usage_query, running_of
from billing.portal.usage_cost import MeterCost, read_meter_cost
from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from lib.decimals import HALF_UP, ZERO, to_plain_string
from lib.money import allocate, round_to
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter

MAX_VALUES = 50
"""Values of a dimension shown on the page; the file has all of them."""

HUNDRED, TENTH = Decimal(100), Decimal("0.1")


@signed_in()
def usage(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return render_page(request, visit, "usage.html", read_usage_context(request, visit))


def read_usage_context(request: HttpRequest, visit: Visit) -> dict[str, Any]:
    """Return the context of the page of usage, by the request's meter, dimension and period."""
    figures = portal_figures(visit)
    running = running_of(visit)
    query = read_usage_query(request, visit, running)
    now, before = read_days(visit, query)
    elapsed_days = query.days.until_day(visit.at.astimezone(query.days.zone).date())
    same_days = query.spans.before.first_days(len(elapsed_days.each())) if before and query.spans.before else None
    context: dict[str, Any] = {
        "query": query,
        "span": figures.days_text(query.days.since, query.days.until),
        "features": [
            show_feature(feature, period.terms.currency, figures) for period in running for feature in period.features
        ],
        "meters": _compared(query, now, before, same_days, figures),
        "compared_days": _compared_days(elapsed_days, same_days, figures),
    }
    if query.meter is not None:
        cost = None
        if query.meter.aggregation in ADDING:
            cost = read_meter_cost(query.meter, query.days, () if query.is_before else running)
            context |= _breakdowns(query, cost, same_days, figures)
        context |= _meter_context(visit, query, (now, before), cost, figures)
    return context


def _compared_days(elapsed_days: Days, same_days: Days | None, figures: PortalFigures) -> str:
    """Return the days that are compared, as text."""
    days = figures.days_text(elapsed_days.since, elapsed_days.until)
    if same_days is None:
        return days
    earlier = figures.days_text(same_days.since, same_days.until)
    return gettext("%(days)s, compared with %(earlier)s") % {"days": days, "earlier": earlier}


def _compared(
    query: UsageQuery, now: list[Day], before: list[Day], same_days: Days | None, figures: PortalFigures
) -> list[dict[str, Any]]:
    """
    Return each meter's quantity, with the change from the previous period where quantities add up.

    same_days: as many days of the previous period as have passed of this one; the others are not compared.
    """
    rows = []
    before = [day for day in before if same_days is not None and day.day < same_days.end]
    for meter in query.meters:
        if meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
            continue
        quantity, earlier = (_total(meter, days) for days in (now, before))
        rows.append(
            {
                "code": meter.code,
                "name": meter.name,
                "quantity": figures.units(quantity, meter.unit),
                "before": figures.units(earlier, meter.unit) if same_days is not None else "",
                "change": _change_text(earlier, quantity, figures) if meter.aggregation in ADDING else "",
            }
        )
    return rows


def _change_text(before: Decimal, now: Decimal, figures: PortalFigures) -> str:
    """Return a change in percent with its sign, rounded to one place; empty if there was nothing before."""
    if before <= 0:
        return ""
    change = round_to(HALF_UP.divide(HALF_UP.multiply(now - before, HUNDRED), before), TENTH)
    return f"+{figures.percent(change)}" if change > 0 else figures.percent(change)


def _total(meter: Meter, days: Iterable[Day]) -> Decimal:
    return combine_days(metering_terms(meter).aggregation, (day for day in days if day.meter_id == meter.pk))


def _meter_context(
    visit: Visit, query: UsageQuery, read: tuple[list[Day], list[Day]], cost: MeterCost | None, figures: PortalFigures
) -> dict[str, Any]:
    """Return the chart and the table of the chosen meter. read: the days of the period, and of the one before."""
    meter, (now, before) = query.meter, read
    if meter is None or meter.aggregation not in (*ADDING, *HOURLY_AGGREGATIONS):
        return {}
    days = query.days.each()
    today = visit.at.astimezone(query.days.zone).date()
    quantities = _by_day(meter, now)
    earlier = query.spans.before.each() if before and query.spans.before else []
    quantities_before = _by_day(meter, before)
    elapsed = [day for day in days if day <= today]
    costs = cost.by_day(elapsed, figures) if cost else {}
    rows = [
        {
            "day": figures.short_day(day),
            "is_today": day == today,
            "quantity": figures.quantity(quantities.get(day, ZERO)),
            "cost": costs.get(day, ""),
            "before": figures.quantity(quantities_before.get(earlier[index], ZERO)) if index < len(earlier) else "",
        }
        for index, day in enumerate(elapsed)
    ]
    drawing = _drawing(days, quantities, [quantities_before.get(day, ZERO) for day in earlier], figures)
    return {
        "drawing": drawing,
        "top": figures.units(drawing.axes[0].quantity, meter.unit),
        "rows": rows,
        "today_index": len(elapsed) - 1 if today in days else None,
        "has_before": bool(earlier),
        "has_cost": bool(costs),
        "first": figures.short_day(days[0]),
        "last": figures.short_day(days[-1]),
        "is_level": meter.aggregation not in ADDING,
    }


def _by_day(meter: Meter, days: Iterable[Day]) -> dict[date, Decimal]:
    aggregation = metering_terms(meter).aggregation
    return {day.day: combine_days(aggregation, [day]) for day in days if day.meter_id == meter.pk}


def _drawing(
    days: Sequence[date], quantities: dict[date, Decimal], before: Sequence[Decimal], figures: PortalFigures
) -> Drawing:
    titles = [f"{figures.short_day(day)}: {figures.quantity(quantities.get(day, ZERO))}" for day in days]
    return draw([quantities.get(day, ZERO) for day in days], list(before), titles)


def _breakdowns(
    query: UsageQuery, cost: MeterCost | None, same_days: Days | None, figures: PortalFigures
) -> dict[str, Any]:
    """Return the usage by each dimension of the meter, with its cost, compared with the same days of last period."""
    meter = query.meter
    if meter is None:
        return {}
    context: dict[str, Any] = {"dimensions": dimensions_of(meter)}
    if cost is None:
        return {**context, "has_too_many": bool(context["dimensions"])}
    before = read_meter_cost(meter, same_days, ()) if same_days is not None and context["dimensions"] else None
    breakdowns = [_breakdown(name, meter, (cost, before), figures) for name in context["dimensions"]]
    values: list[Any] = next((shown["values"] for shown in breakdowns if shown["name"] == query.dimension), [])
    return {**context, "breakdowns": breakdowns, "values": values, "cost": cost.total(figures)}


def _breakdown(
    name: str, meter: Meter, read: tuple[MeterCost, MeterCost | None], figures: PortalFigures
) -> dict[str, Any]:
    """Return the values of a dimension, the largest first, with percentages that sum to 100."""
    cost, before = read
    quantities, earlier = _by_value(name, cost), _by_value(name, before) if before else {}
    largest = sorted(quantities, key=lambda value: (-quantities[value], value))
    shares = percentages([quantities[value] for value in largest])
    costs = cost.by_value(name, largest, figures)
    values = [
        {
            "value": value or gettext("(none)"),
            "quantity": figures.units(quantities[value], meter.unit),
            "cost": costs.get(value, ""),
            "share": to_plain_string(share),
            "percent": figures.percent(share),
            "change": _change_text(earlier.get(value, ZERO), quantities[value], figures),
        }
        for value, share in list(zip(largest, shares, strict=True))[:MAX_VALUES]
    ]
    # Dimensions have the names of properties in events.
    return {
        "name": name,
        "label": name.replace("_", " "),
        "values": values,
        "left_out": max(0, len(largest) - MAX_VALUES),
    }


def _by_value(name: str, cost: MeterCost) -> dict[str, Decimal]:
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for part in cost.parts:
        quantities[part.dimensions.get(name) or ""] += part.quantity
    return quantities


def percentages(quantities: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """
    Return the share of each quantity in percent, with one decimal place; they sum to 100 (largest remainder).

    A negative quantity, of usage that was taken back, has no share; if none is above zero, all shares are zero.
    """
    weights = [max(quantity, ZERO) for quantity in quantities]
    return allocate(HUNDRED, weights, TENTH) if any(weights) else tuple(ZERO for _ in weights)
