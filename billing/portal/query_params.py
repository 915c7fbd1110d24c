"""What a page or a file of usage is asked for: a meter, a dimension of it, and which period."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.metering.usage.usage_summary import ADDING, Day, read_usage_by_day
from billing.portal.date_ranges import Days, Spans, spans
from customers.portal.visit import Visit
from plans.models import Meter


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is of: a meter, one of its dimensions or none, and which period."""

    meter: Meter | None
    dimension: str
    is_before: bool
    meters: list[Meter]
    spans: Spans

    @property
    def days(self) -> Days:
        return self.spans.before if self.is_before and self.spans.before else self.spans.now


def running_of(visit: Visit) -> list[PeriodUsage]:
    of = visit.customer
    return current_usage(customer=of.external_id, sandbox=of.sandbox, at=visit.at)


def asked_by(request: HttpRequest, visit: Visit, running: Sequence[PeriodUsage]) -> Asked:
    """Return what is asked for: the first meter where none of the customer's is named."""
    ids = {feature.terms.meter_id for one in running for feature in one.features}
    meters = list(Meter.objects.filter(pk__in=ids).order_by("name"))
    chosen = next((one for one in meters if one.code == request.GET.get("meter")), meters[0] if meters else None)
    names = dimensions_of(chosen) if chosen else []
    by = request.GET.get("by", "")
    dimension = by if by in names else names[0] if names else ""
    return Asked(chosen, dimension, request.GET.get("period") == "before", meters, spans(visit, running))


def dimensions_of(meter: Meter) -> list[str]:
    """Return what usage of a meter can be told apart by; of what does not add up, nothing."""
    if meter.aggregation not in ADDING:
        return []
    return [*meter.dimensions, *([meter.reading_dimension] if meter.reading_dimension else [])]


def used(visit: Visit, asked: Asked) -> tuple[list[Day], list[Day]]:
    """Return the days of the period that is shown, and of the one that it is compared with."""
    if asked.is_before or asked.spans.before is None:
        return _of(visit, asked.days), []
    return _of(visit, asked.days), _of(visit, asked.spans.before)


def _of(visit: Visit, days: Days) -> list[Day]:
    of = visit.customer.pk
    return read_usage_by_day(customer_id=of, since=days.since, until=days.until, zone=days.zone, period_ids=days.period_ids)
