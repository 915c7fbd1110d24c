"""
Preview what reprocessing unmatched usage would bill.

The preview reprocesses the usage in a transaction that is rolled back, and rates the periods before and after. It
stores nothing, and its figures are those of the real reprocessing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.db.models import Min

from billing.closing.lines.usage_lines import rate_period
from billing.closing.period_reader import read_due_periods
from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.reprocess import ReprocessCounts, reprocess
from billing.metering.rating_inputs.period_loader import read_counters, read_rating_inputs
from billing.metering.store import counter_store
from billing.models import Period, UnmatchedUsage
from billing.models.periods import PeriodKind, PeriodState
from lib.decimals import ZERO

# The preview runs within a request; periods beyond this are left out of it, not of the reprocess.
MAX_PERIODS = 2_000


class FeatureInPeriod(NamedTuple):
    """A feature in a period, to which usage is added."""

    period_id: int
    customer: str
    feature: str
    unit: str
    currency: str


@dataclass(frozen=True, slots=True)
class AddedUsage:
    """
    Usage that reprocessing adds to a feature of a period. is_late: whether the period is closed, so that the usage is
    billed as late usage.
    """

    feature_in_period: FeatureInPeriod
    quantity: Decimal
    amount: Decimal
    is_late: bool


@dataclass(frozen=True, slots=True)
class ReprocessPreview:
    """The outcome of each report, and the usage that would be added; nothing of it is stored."""

    replayed: ReprocessCounts
    added_usage: tuple[AddedUsage, ...]


def preview_reprocess(*, at: datetime, report_ids: Collection[int]) -> ReprocessPreview:
    """Return the usage and amounts that reprocessing these reports would add now; store nothing."""
    try:
        with transaction.atomic():
            replayed = reprocess(at=at, report_ids=report_ids)
            period_ids = _affected_periods(report_ids, at=at)
            after = _rate_periods(period_ids)
            transaction.set_rollback(True)
    finally:  # this process's caches may hold rows that the rollback has removed
        counter_store.clear_id_cache()
        customer_cache.clear()
        catalog_cache.clear()
    before = _rate_periods(period_ids)
    closed = set(Period.objects.filter(pk__in=period_ids, state=PeriodState.CLOSED).values_list("pk", flat=True))
    nothing = (ZERO, ZERO)
    added_usage = [
        AddedUsage(feature, quantity - earlier_quantity, amount - earlier_amount, feature.period_id in closed)
        for feature, (quantity, amount) in after.items()
        for earlier_quantity, earlier_amount in [before.get(feature, nothing)]
        if (quantity, amount) != (earlier_quantity, earlier_amount)
    ]
    return ReprocessPreview(replayed, tuple(sorted(added_usage, key=lambda usage: -usage.amount)))


def _affected_periods(report_ids: Collection[int], *, at: datetime) -> list[int]:
    """Return the periods that resolved reports may change: the periods of the usage, and all later ones until now."""
    resolved = UnmatchedUsage.objects.filter(pk__in=report_ids, resolved_at__isnull=False)
    first_at = resolved.aggregate(first=Min("occurred_at"))["first"]
    if first_at is None:
        return []
    periods = Period.objects.filter(
        kind=PeriodKind.REGULAR,
        subscription__customer__in=resolved.values("customer"),
        starts_at__lte=at,
        ends_at__gt=first_at,
    )
    return list(periods.order_by("pk").values_list("pk", flat=True)[:MAX_PERIODS])


def _rate_periods(period_ids: Sequence[int]) -> Mapping[FeatureInPeriod, tuple[Decimal, Decimal]]:
    """Return (quantity, amount) of each feature used in these periods, rated as closing them would."""
    due_periods, counters = read_due_periods(period_ids), read_counters(period_ids)
    inputs = read_rating_inputs([due.span for due in due_periods.values()])
    rated_features: dict[FeatureInPeriod, tuple[Decimal, Decimal]] = {}
    for period_id, due in due_periods.items():
        customer = msgspec.json.decode(due.buyer.facts)["external_id"]
        usage = inputs.complete(due.span, counters.get(period_id, {}))
        currency = usage.span.currency
        for charge in rate_period(usage.span, usage.counters):
            feature = FeatureInPeriod(period_id, customer, charge.feature.name, charge.feature.unit, currency)
            quantity, amount = rated_features.get(feature, (ZERO, ZERO))
            rated_features[feature] = (quantity + charge.quantity, amount + charge.amount(currency))
    return rated_features
