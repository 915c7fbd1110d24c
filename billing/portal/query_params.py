"""The parameters of a usage page or file: a meter, one of its dimensions, and the period."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.metering.usage.usage_summary import ADDING, Day, read_usage_by_day
from billing.portal.date_ranges import Days, Spans, spans
from customers.portal.visit import Visit
from plans.models import Meter


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A meter, one of its dimensions or none, and the period to show."""

    meter: Meter | None
    dimension: str
    is_before: bool
    meters: list[Meter]
    spans: Spans

    @property
    def days(self) -> Days:
        return self.spans.before if self.is_before and self.spans.before else self.spans.now


def running_of(visit: Visit) -> list[PeriodUsage]:
    customer = visit.customer
    return current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=visit.at)


def read_usage_query(request: HttpRequest, visit: Visit, running: Sequence[PeriodUsage]) -> UsageQuery:
    """Return the parameters of a request; the first meter if it names none of the customer's."""
    ids = {feature.terms.meter_id for usage in running for feature in usage.features}
    meters = list(Meter.objects.filter(pk__in=ids).order_by("name"))
    chosen = next(
        (meter for meter in meters if meter.code == request.GET.get("meter")), meters[0] if meters else None
    )
    names = dimensions_of(chosen) if chosen else []
    by = request.GET.get("by", "")
    dimension = by if by in names else names[0] if names else ""
    return UsageQuery(chosen, dimension, request.GET.get("period") == "before", meters, spans(visit, running))


def dimensions_of(meter: Meter) -> list[str]:
    """Return the dimensions by which a meter's usage can be broken down; none if its aggregation doesn't add up."""
    if meter.aggregation not in ADDING:
        return []
    return [*meter.dimensions, *([meter.reading_dimension] if meter.reading_dimension else [])]


def read_days(visit: Visit, query: UsageQuery) -> tuple[list[Day], list[Day]]:
    """Return the days of the shown period, and of the period it is compared with."""
    if query.is_before or query.spans.before is None:
        return _read_days_of(visit, query.days), []
    return _read_days_of(visit, query.days), _read_days_of(visit, query.spans.before)


def _read_days_of(visit: Visit, days: Days) -> list[Day]:
    customer_id = visit.customer.pk
    return read_usage_by_day(
        customer_id=customer_id, since=days.since, until=days.until, zone=days.zone, period_ids=days.period_ids
    )
